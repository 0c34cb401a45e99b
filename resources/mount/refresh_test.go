package mount

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources/resourcetest"
)

const (
	remounts = "mount -o remount,rw,suid,dev,exec,async,noatime -- /data"
	anew     = "mounted or remounted in this run"
)

// A notify remounts what is mounted, unless the run has mounted or remounted it; a plan says so before.
func TestRefresh(t *testing.T) {
	asDeclared, entry := []host.Mount{current("noatime")}, line("defaults,noatime")
	for _, tc := range []struct {
		name, ensure, table string
		mounts              []host.Mount
		edit                func(*Mount)
		why                 string   // not
		want                []string // the commands of the refresh
	}{
		{name: "as declared", ensure: mounted, table: entry, mounts: asDeclared, want: []string{remounts}},
		{name: "remounts is false", ensure: mounted, table: entry, mounts: asDeclared, edit: func(m *Mount) { m.Remounts = false }, want: []string{"umount -- /data", "mount -- /data"}},
		{name: "only its entry was changed", ensure: mounted, table: line("defaults,noatime,nofail"), mounts: asDeclared, want: []string{remounts}},
		{name: "was mounted without an entry", ensure: mounted, mounts: asDeclared, want: []string{remounts}},
		{name: "mounted in this run", ensure: mounted, table: entry, why: anew},
		{name: "remounted in this run", ensure: mounted, table: entry, mounts: []host.Mount{current("noexec", "noatime")}, why: anew},
		{name: "another device before", ensure: mounted, table: entry, mounts: []host.Mount{other(func(m *host.Mount) { m.Source = "/dev/xvdk" })}, why: anew},
		{name: "unmounted in this run", ensure: unmounted, table: entry, mounts: asDeclared, why: "not mounted"},
		{name: "absent", ensure: absent, why: "not mounted"},
		{name: "an entry, mounted", ensure: present, table: entry, mounts: asDeclared, want: []string{remounts}},
		{name: "an entry, mounted, changed in this run", ensure: present, table: line("defaults"), mounts: []host.Mount{current()}, want: []string{remounts}},
		{name: "an entry, not mounted", table: entry, why: "not mounted"},
		{name: "an entry, something else mounted", table: entry, mounts: []host.Mount{other(func(m *host.Mount) { m.Source = "/dev/xvdk" })}, why: "something else is mounted there than its entry says"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := hosttest.New(t, "-- etc/fstab --\n"+tc.table+"-- data/ --\n")
			h.Mount(tc.mounts...)
			m := declare(tc.ensure)
			if tc.edit != nil {
				tc.edit(m)
			}
			planned := resourcetest.Check(t, h, m)
			ok, why, err := m.Refreshable(t.Context(), h, planned)
			if err != nil || ok != (tc.why == "") || why != tc.why {
				t.Errorf("planned: want %q, got %t, %q, %v", tc.why, ok, why, err)
			}
			o := resourcetest.Converges(t, h, m)
			h.ForgetCalls()
			ok, why, err = m.Refreshable(t.Context(), h, o.Diff)
			if err != nil || ok != (tc.why == "") || why != tc.why {
				t.Errorf("want %q, got %t, %q, %v", tc.why, ok, why, err)
			}
			if !ok {
				return
			}
			if err := m.Refresh(t.Context(), h); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, h.Calls()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What refuses to be remounted is unmounted and mounted; if it is in use, it stays.
func TestRefreshRefused(t *testing.T) {
	refused := host.Output{ExitCode: 32, Stderr: []byte("mount: /data: refused.\n")}
	for _, tc := range []struct {
		name, refuses, want string
	}{
		{"remount", "mount -o", ""},
		{"remount and unmount", "umount", "refused"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := hosttest.New(t, "-- etc/fstab --\n"+line("defaults,noatime")+"-- data/ --\n")
			h.Mount(current("noatime"))
			no := func(context.Context, host.Cmd) (host.Output, error) { return refused, nil }
			h.Handle("mount -o", no)
			h.Handle(tc.refuses, no)
			err := declare(mounted).Refresh(t.Context(), h)
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("want %q, got %v", tc.want, err)
			}
			if all, err := h.Mounts(t.Context()); len(all) != 1 || err != nil {
				t.Errorf("mounted are %+v, %v", all, err)
			}
		})
	}
}

// It is seen by an option of the file system whose absence is no difference. What is in use can be remounted, and cannot be unmounted.
func (n *node) refreshed(t *testing.T, a string) {
	for name, tc := range map[string]struct {
		remounts, busy bool
		want           string // of an error
	}{
		"remount":             {remounts: true},
		"remount, in use":     {remounts: true, busy: true},
		"without one":         {},
		"without one, in use": {busy: true, want: "busy"},
	} {
		t.Run(name, func(t *testing.T) {
			n.fresh(t, a+"\t/mnt/data\text4\terrors=remount-ro\t0\t0\n")
			sh(t, "mount -i -t ext4 -o errors=continue "+a+" /mnt/data")
			if tc.busy {
				sh(t, "mkdir -p /mnt/data/sub && mount -t tmpfs none /mnt/data/sub")
				defer sh(t, "umount /mnt/data/sub")
			}
			m := n.declare(a, "ext4", "errors=remount-ro")
			m.Remounts = tc.remounts
			if changed := n.converge(t, m); changed != nil {
				t.Fatalf("it differs before: %q", changed)
			}
			err := m.Refresh(t.Context(), n)
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("want %q, got %v", tc.want, err)
			}
			if took := strings.Contains(n.live(t), "errors=remount-ro"); took != (tc.want == "") {
				t.Errorf("the option is there: %t, %s", took, n.live(t))
			}
		})
	}
}
