package manager

import (
	"context"

	"github.com/nodeapply/apply/host"
)

// FileVersioner is a Driver that can read the version of a package file.
type FileVersioner interface {
	FileVersion(ctx context.Context, v host.View, file string) (string, error)
}

// ReposOf is the name under which repositories of a provider are known to packages; dnf and yum are one, and "" is the node's own.
func ReposOf(provider string) string {
	switch provider {
	case "":
		return "default"
	case "yum":
		return "dnf"
	}
	return provider
}
