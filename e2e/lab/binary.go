package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/nodeapply/apply/e2e/lab/image"
)

// Binary returns the name of the apply program, built from this module once per process.
func Binary(t testing.TB) string {
	t.Helper()
	name, err := apply()
	if err != nil {
		t.Fatal(err)
	}
	return name
}

var apply = sync.OnceValues(func() (string, error) {
	return Build(context.Background(), "github.com/nodeapply/apply/cmd/apply")
})

// Build builds the program of a Go package, statically linked and without symbols, as it is released, and returns its name in the cache, where later builds replace it.
func Build(ctx context.Context, pkg string) (name string, err error) {
	dir := filepath.Join(image.Cache(), "bin")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	tmp, err := os.MkdirTemp(dir, ".build-")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	name = filepath.Base(pkg)
	cmd := exec.CommandContext(ctx, "go", "build", "-ldflags", "-s -w", "-o", filepath.Join(tmp, name), pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", pkg, err, out)
	}
	return filepath.Join(dir, name), os.Rename(filepath.Join(tmp, name), filepath.Join(dir, name))
}
