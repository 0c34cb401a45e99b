package host_test

import (
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
)

// closed is a node of which nothing can be read, or looked at either.
type closed struct {
	host.FileReader
	blind bool
}

func (c closed) Lstat(name string) (host.Stat, error) {
	if c.blind {
		return host.Stat{}, syscall.EACCES
	}
	return c.FileReader.Lstat(name)
}

func (c closed) Open(string) (host.File, error) { return nil, syscall.EACCES }

// Whoever cannot read a file of the system is told which.
func TestReadFileNamesIt(t *testing.T) {
	h := hosttest.New(t, "-- etc/shadow --\n-- etc/d/ --\n")
	for name, tc := range map[string]struct {
		v    host.FileReader
		file string
		want string
	}{
		"not to be read":      {closed{h, false}, "/etc/shadow", "/etc/shadow: permission denied"},
		"not to be looked at": {closed{h, true}, "/etc/shadow", "/etc/shadow: permission denied"},
		"no file":             {h, "/etc/d", "open: /etc/d is a directory, not a file"},
	} {
		if _, err := host.ReadFile(tc.v, tc.file); err == nil || err.Error() != tc.want {
			t.Errorf("%s: want %q, got %v", name, tc.want, err)
		}
	}
}

func TestReadDir(t *testing.T) {
	h := hosttest.New(t, "-- etc/d/b --\n-- etc/d/a --\n-- etc/empty/ --\n-- etc/file --\n-- etc/link -> d --\n-- etc/dangling -> none --\n")
	for name, want := range map[string][]string{
		"/etc/d": {"a", "b"}, "/etc/link": {"a", "b"}, "/etc/empty": nil, "/etc/file": nil, "/etc/none": nil, "/etc/none/d": nil, "/etc/dangling": nil,
	} {
		got, err := host.ReadDir(h, name)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v %s", name, err, diff)
		}
	}
}
