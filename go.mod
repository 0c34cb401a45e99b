module github.com/nodeapply/apply

go 1.26.5

require (
	github.com/google/go-cmp v0.7.0
	golang.org/x/sync v0.24.0
	golang.org/x/sys v0.49.0
)
