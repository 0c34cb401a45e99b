package lab_test

import (
	"testing"

	"github.com/nodeapply/apply/e2e/lab"
	"github.com/nodeapply/apply/e2e/lab/image"
)

func TestBoot(t *testing.T) {
	l := lab.New(t)
	img, err := image.Base(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n, err := l.Boot(t.Context(), lab.Spec{Name: "alone", Image: img, Disks: []int64{64 << 20}})
	if err != nil {
		t.Fatal(err)
	}
	out, err := n.Must(t.Context(), "sh", "-c", "hostname; ip -br addr; cat /proc/self/cgroup; lsblk; ls -l /dev/xvd*; systemctl is-system-running")
	t.Log(out, err)
}
