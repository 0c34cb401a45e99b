package descriptors_test

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"testing"

	"github.com/nodeapply/apply/host/descriptors"
)

func TestMakeRoom(t *testing.T) {
	if n := descriptors.Limit(); n < 600 {
		t.Skipf("this process may have no more than %d files open", n)
	}
	before := tableSize(t)
	descriptors.MakeRoom(2 * before)
	if got := tableSize(t); got < 2*before {
		t.Errorf("want room for %d open files, got %d", 2*before, got)
	}
	descriptors.MakeRoom(1 << 30) // more than it may have: nothing fails
}

// tableSize is how many descriptors the table of this process has room for.
func tableSize(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^FDSize:\t(\d+)$`).FindSubmatch(status)
	if m == nil {
		t.Fatalf("no FDSize in %s", status)
	}
	n, err := strconv.Atoi(string(m[1]))
	if err != nil {
		t.Fatal(err)
	}
	return n
}
