package model_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources/mount"
	"github.com/nodeapply/apply/resources/resourcetest"
	"github.com/nodeapply/apply/sandbox/model"
)

// The system's mount and umount change the model; other commands, and programs of those names elsewhere, are the host's.
func TestRun(t *testing.T) {
	h := hosttest.New(t, "-- data/ --\n")
	h.Answer("true", 3, "")
	h.Answer("/opt/mount", 0, "")
	n := begin(t, h, model.Seed{})
	for _, tc := range []struct {
		command string
		code    int
		used    []string
	}{
		{"true", 3, nil}, {"/opt/mount /data", 0, nil}, {"umount /data", 32, nil}, {"/usr/bin/mount -t tmpfs none /data", 0, []string{"mount /data"}},
		{"/bin/umount /data/", 0, []string{"mount /data"}},
	} {
		out, err := n.Run(t.Context(), host.Cmd{Args: strings.Fields(tc.command)})
		if err != nil || out.ExitCode != tc.code {
			t.Errorf("%s: %v: %+v", tc.command, err, out)
		}
		if diff := cmp.Diff(tc.used, n.Used()); diff != "" {
			t.Errorf("%s: %s", tc.command, diff)
		}
		n.Forget()
	}
	if diff := cmp.Diff([]string{"true", "/opt/mount /data"}, h.Calls()); diff != "" {
		t.Error(diff)
	}
}

// The type mount converges where folders are bound: it tells them by their identity.
func TestBoundFolder(t *testing.T) {
	for _, live := range []string{"/other", "/src", ""} {
		h := hosttest.New(t, "-- etc/fstab --\n-- data/ --\n-- src/ --\n-- other/ --\n")
		h.Mount(host.Mount{ID: 1, Point: "/", Root: "/", Source: "/dev/a", FSType: "ext4", Options: []string{"rw"}, SuperOptions: []string{"rw"}})
		if live != "" {
			if out, err := h.Run(t.Context(), host.Cmd{Args: []string{"mount", "--bind", live, "/data"}}); err != nil || out.ExitCode != 0 {
				t.Fatal(err, out)
			}
		}
		m := mount.Type().New("/data").(*mount.Mount)
		m.Device, m.FSType, m.Options, m.Ensure = "/src", "none", "bind,ro", "mounted"
		resourcetest.Converges(t, h, m)
		all, err := h.Mounts(t.Context())
		if err != nil || len(all) != 2 || all[1].Root != "/src" || all[1].Options[0] != "ro" {
			t.Errorf("%+v, %v", all, err)
		}
		m = mount.Type().New("/data").(*mount.Mount)
		m.Ensure = "absent"
		resourcetest.Converges(t, h, m)
	}
}
