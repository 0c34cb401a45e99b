module github.com/nodeapply/apply

go 1.26.5

require github.com/google/go-cmp v0.7.0 // indirect
