module github.com/nodeapply/apply

go 1.26.5
