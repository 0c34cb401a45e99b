package hosttest

import (
	"os"
	"os/exec"
)

// Flag sets a flag of chattr(1), such as "i", on the node's files of those names until the test's end. Where that cannot be the test is skipped.
func (h *Host) Flag(flag string, names ...string) {
	h.t.Helper()
	if os.Geteuid() != 0 {
		h.t.Skip("left out: needs root for chattr")
	}
	chattr := Program(h.t, "chattr", "files with flags")
	for _, name := range names {
		if out, err := exec.Command(chattr, "+"+flag, h.Path(name)).CombinedOutput(); err != nil {
			h.t.Skipf("left out: the file system of the temporary directory has no such files: %s", out)
		}
		h.t.Cleanup(func() { _ = exec.Command(chattr, "-"+flag, h.Path(name)).Run() })
	}
}
