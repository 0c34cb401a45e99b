package lab

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

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

// Build builds the program of a Go package, statically linked and without symbols, as it is released, and returns its name in the cache: below a folder
// named after its content, so that what another working tree builds meanwhile does not take its place.
func Build(ctx context.Context, pkg string) (name string, err error) {
	bin := filepath.Join(image.Cache(), "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return "", err
	}
	tmp, err := os.MkdirTemp(bin, ".build-")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp), forget(bin)) }()
	built := filepath.Join(tmp, filepath.Base(pkg))
	cmd := exec.CommandContext(ctx, "go", "build", "-ldflags", "-s -w", "-o", built, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", pkg, err, out)
	}
	content, err := os.ReadFile(built)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(bin, fmt.Sprintf("%x", sha256.Sum256(content)))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	name, now := filepath.Join(dir, filepath.Base(pkg)), time.Now()
	return name, errors.Join(os.Rename(built, name), os.Chtimes(dir, now, now))
}

// kept is how long a program stays that nobody builds again, and what a killed build has left: longer than any test takes.
const kept = 4 * time.Hour

// forget removes what has been in a folder for longer than kept.
func forget(folder string) error {
	entries, err := os.ReadDir(folder)
	for _, e := range entries {
		if info, statErr := e.Info(); statErr == nil && time.Since(info.ModTime()) > kept {
			err = errors.Join(err, os.RemoveAll(filepath.Join(folder, e.Name())))
		}
	}
	return err
}
