package hosttest

import (
	"os"
	"os/exec"
	"testing"
)

// Program returns the file of a program that a test needs. Where it is not installed the test is skipped, and says what is left out; with APPLY_LAB=require
// in the environment, as where scripts/install.sh has installed everything, it fails.
func Program(t testing.TB, name, leftOut string) string {
	t.Helper()
	file, err := exec.LookPath(name)
	switch {
	case err == nil:
	case os.Getenv("APPLY_LAB") == "require":
		t.Fatalf("%s is not installed (scripts/install.sh): %s", name, leftOut)
	default:
		t.Skipf("%s is not installed (scripts/install.sh); left out: %s", name, leftOut)
	}
	return file
}
