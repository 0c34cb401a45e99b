module github.com/nodeapply/apply

go 1.26.5

require golang.org/x/sys v0.49.0 // indirect
