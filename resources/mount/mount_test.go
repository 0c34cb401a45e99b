package mount

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources/resourcetest"
)

func declare(ensure string) *Mount {
	m := Type().New("/data").(*Mount)
	m.Device, m.FSType, m.Options, m.Ensure = "/dev/xvdj", "ext4", "defaults,noatime", ensure
	return m
}

func line(options string) string { return "/dev/xvdj\t/data\text4\t" + options + "\t0\t0\n" }

const others = "# comment\nproc\t/proc proc defaults 0 0\n"

func current(options ...string) host.Mount {
	return host.Mount{ID: 30, Parent: 1, Point: "/data", Root: "/", FSType: "ext4", Source: "/dev/xvdj", Options: append([]string{"rw"}, options...), SuperOptions: []string{"rw"}}
}

// other is a live mount changed by edit.
func other(edit func(*host.Mount)) host.Mount {
	m := current("noatime")
	edit(&m)
	return m
}

// TestConverges is every declared state from every starting state.
func TestConverges(t *testing.T) {
	tables := map[string]string{
		"nothing":       "",
		"others":        others,
		"the entry":     others + line("defaults,noatime"),
		"other options": line("defaults") + others,
		"other device":  "/dev/xvdk /data ext4 defaults 0 2\n",
	}
	mounts := map[string][]host.Mount{
		"not mounted":  {},
		"mounted":      {current("noatime")},
		"lacks option": {current("relatime")},
		"read-only":    {other(func(m *host.Mount) { m.Options[0], m.SuperOptions = "ro", []string{"ro"} })},
		"other device": {other(func(m *host.Mount) { m.Source = "/dev/xvdk" })},
		"other type":   {other(func(m *host.Mount) { m.FSType = "xfs" })},
		"stacked":      {current("noatime"), current("noatime")},
	}
	for _, ensure := range []string{mounted, unmounted, present, absent, ""} {
		for tname, content := range tables {
			for mname, ms := range mounts {
				t.Run(fmt.Sprintf("%s from %s, %s", ensure, tname, mname), func(t *testing.T) {
					h := hosttest.New(t, "-- etc/fstab 0644 --\n"+content+"-- data/ --\n")
					h.Mount(ms...)
					resourcetest.Converges(t, h, declare(ensure))
					if strings.Contains(content, others) && !strings.Contains(h.Content("/etc/fstab"), others) {
						t.Errorf("other entries were touched:\n%s", h.Content("/etc/fstab"))
					}
				})
			}
		}
	}
}

func TestWhatIsDone(t *testing.T) {
	for _, tc := range []struct {
		name   string
		table  string
		mounts []host.Mount
		edit   func(*Mount)
		ensure string
		want   []string
	}{
		{name: "as declared: nothing", table: line("defaults,noatime"), mounts: []host.Mount{current("noatime")}, ensure: mounted},
		{name: "mounted by its entry, which systemd reads first", ensure: mounted, want: []string{"systemctl daemon-reload", "mount -- /data"}},
		{name: "a live option is repaired by a remount", table: line("defaults,noatime"), mounts: []host.Mount{current("noexec", "noatime")}, ensure: mounted,
			want: []string{"mount -o remount,rw,suid,dev,exec,async,noatime -- /data"}},
		{name: "unmounted and mounted where remounts is false", table: line("defaults,noatime"), mounts: []host.Mount{current("noexec", "noatime")}, ensure: mounted,
			edit: func(m *Mount) { m.Remounts = false }, want: []string{"umount -- /data", "mount -- /data"}},
		{name: "another device is unmounted first", table: line("defaults,noatime"), ensure: mounted,
			mounts: []host.Mount{other(func(m *host.Mount) { m.Source = "/dev/xvdk" })}, want: []string{"umount -- /data", "mount -- /data"}},
		{name: "all that is stacked is unmounted", table: line("defaults,noatime"), mounts: []host.Mount{current(), current(), current()}, ensure: unmounted,
			want: []string{"umount -- /data", "umount -- /data", "umount -- /data"}},
		{name: "unset options keep what fstab has", table: line("defaults,noatime"), mounts: []host.Mount{current("noatime")}, ensure: mounted, edit: func(m *Mount) { m.Options = "" }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := hosttest.New(t, "-- etc/fstab --\n"+tc.table+"-- data/ --\n")
			h.Mount(tc.mounts...)
			m := declare(tc.ensure)
			if tc.edit != nil {
				tc.edit(m)
			}
			resourcetest.Converges(t, h, m)
			if diff := cmp.Diff(tc.want, h.Calls()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Something else is at the mount point after a mount, and not after a remount or a change of the entry alone.
func TestCovers(t *testing.T) {
	for _, tc := range []struct {
		name, table, ensure, want string
		mounts                    []host.Mount
	}{
		{name: "mounted", ensure: mounted, want: "/data"},
		{name: "mounted by its entry", table: line("defaults,noatime"), ensure: mounted, want: "/data"},
		{name: "another device", table: line("defaults,noatime"), ensure: mounted, mounts: []host.Mount{other(func(m *host.Mount) { m.Source = "/dev/xvdk" })}, want: "/data"},
		{name: "remounted", table: line("defaults,noatime"), ensure: mounted, mounts: []host.Mount{current("noexec", "noatime")}},
		{name: "an entry", ensure: present},
		{name: "unmounted", table: line("defaults,noatime"), ensure: unmounted, mounts: []host.Mount{current("noatime")}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := hosttest.New(t, "-- etc/fstab --\n"+tc.table+"-- data/ --\n")
			h.Mount(tc.mounts...)
			m := declare(tc.ensure)
			if got := m.Covers(resourcetest.Check(t, h, m)); got != tc.want {
				t.Errorf("want %q, got %q", tc.want, got)
			}
		})
	}
}

func TestRemountThatDidNotTake(t *testing.T) {
	h := hosttest.New(t, "-- etc/fstab --\n"+line("defaults,noatime")+"-- data/ --\n")
	h.Mount(current("noexec", "noatime"))
	h.Handle("mount -o", func(context.Context, host.Cmd) (host.Output, error) { return host.Output{}, nil })
	resourcetest.Converges(t, h, declare(mounted))
	if diff := cmp.Diff([]string{"umount -- /data", "mount -- /data"}, h.Calls()[1:]); diff != "" {
		t.Error(diff)
	}
}

func TestFailedMountKeepsFstab(t *testing.T) {
	h := hosttest.New(t, "-- etc/fstab --\n# mine\n-- data/ --\n")
	h.Mount()
	h.Handle("mount --", func(context.Context, host.Cmd) (host.Output, error) {
		return host.Output{ExitCode: 32, Stderr: []byte("mount: /data: special device /dev/xvdj does not exist.\n")}, nil
	})
	err := resourcetest.Refuses(t, h, declare(mounted))
	if !strings.Contains(err.Error(), "special device /dev/xvdj does not exist") {
		t.Errorf("want mount's own words, got %v", err)
	}
}

func TestFailures(t *testing.T) {
	for _, tc := range []struct {
		name, tree string
		edit       func(*Mount)
		want       string
	}{
		{"two entries", "-- etc/fstab --\n" + line("ro") + line("rw") + "-- data/ --\n", nil, "two entries for /data, at lines 1 and 2"},
		{"no folder", "-- etc/fstab --\n", nil, "mount point /data: does not exist"},
		{"no device", "-- data/ --\n", func(m *Mount) { m.Device = "" }, "device: is needed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := hosttest.New(t, tc.tree)
			h.Mount()
			m := declare(mounted)
			if tc.edit != nil {
				tc.edit(m)
			}
			if err := resourcetest.Refuses(t, h, m); !strings.Contains(err.Error(), tc.want) {
				t.Errorf("want %q, got %v", tc.want, err)
			}
		})
	}
}

func TestRestore(t *testing.T) {
	for _, tc := range []struct {
		name   string
		mounts []host.Mount
	}{
		{"was not mounted", nil},
		{"had other options", []host.Mount{current("noexec", "noatime")}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := hosttest.New(t, "-- etc/fstab --\n"+line("defaults,noatime")+"-- data/ --\n")
			h.Mount(tc.mounts...)
			m := declare(mounted)
			m.Path = "/data/"
			d, err := m.Check(t.Context(), h)
			if err != nil {
				t.Fatal(err)
			}
			raw, err := m.Before(t.Context(), h, d)
			if err != nil {
				t.Fatal(err)
			}
			if err := m.Apply(t.Context(), h, d); err != nil {
				t.Fatal(err)
			}
			h.ForgetCalls()
			if err := Type().New("another title").(*Mount).Restore(t.Context(), h, raw); err != nil {
				t.Fatal(err)
			}
			if calls := h.Calls(); len(calls) == 0 || calls[0] != "systemctl daemon-reload" {
				t.Errorf("systemd did not read the table first: %q", calls)
			}
			got, err := h.Mounts(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != len(tc.mounts) || len(got) == 1 && !strings.Contains(strings.Join(got[0].Options, ","), "noexec") {
				t.Errorf("want %+v back, got %+v", tc.mounts, got)
			}
		})
	}
}

func TestValidate(t *testing.T) {
	for _, tc := range []struct {
		name string
		m    Mount
		want string
	}{
		{"ensure", Mount{Path: "/x", Ensure: "on"}, `want mounted, unmounted, present or absent, not "on"`},
		{"path", Mount{Path: "x"}, "is no absolute path"},
		{"swap", Mount{Path: "none", FSType: "swap"}, "the entry of a swap area in /etc/fstab is a `line`"},
		{"path with dots", Mount{Path: "/x/../y"}, "is no absolute path in its shortest form"},
		{"root", Mount{Path: "/", Ensure: absent}, "the root of the node is never unmounted"},
		{"spaces", Mount{Path: "/x", Options: "ro, noatime"}, "separated by commas"},
		{"an option for mount(8)", Mount{Path: "/x", Device: "--bind"}, `"--bind" cannot stand in /etc/fstab`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := tc.m.Validate(); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("want %q, got %v", tc.want, err)
			}
		})
	}
}

// What is mounted in the place of what the entry says is no state to declare: the entry alone is.
func TestInspect(t *testing.T) {
	for name, tc := range map[string]struct {
		mounts []host.Mount
		want   string
	}{
		"as the entry says": {[]host.Mount{current("noatime")}, mounted},
		"nothing":           {nil, unmounted},
		"other options":     {[]host.Mount{current("relatime")}, present},
		"another device":    {[]host.Mount{other(func(m *host.Mount) { m.Source = "overlay" })}, present},
	} {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, "-- etc/fstab --\n"+line("defaults,noatime")+"-- data/ --\n")
			h.Mount(tc.mounts...)
			if m := resourcetest.Inspects(t, h, Type(), "/data").(*Mount); m.Ensure != tc.want {
				t.Errorf("want %s, got %s", tc.want, m.Ensure)
			}
		})
	}
}

// Undone, done again and changed by hand it is told from what it was; what the kernel numbers anew each time is no change.
func TestChangedSince(t *testing.T) {
	for name, mounts := range map[string][]host.Mount{"was not mounted": nil, "had other options": {current("noexec", "nosuid", "relatime")}, "kept all times": {current()}, "had another device": {other(func(m *host.Mount) { m.Source = "/dev/xvdk" })}} {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, "-- etc/fstab --\n"+line("defaults,noatime")+"-- data/ --\n")
			h.Mount(mounts...)
			resourcetest.Undoes(t, h, Type(), declare(mounted))
			resourcetest.Notices(t, h, Type(), declare(mounted), func() {
				for _, c := range []string{"umount -- /data", "mount -t ext4 -o rw,nosuid -- /dev/xvdj /data"} {
					if _, err := h.Run(t.Context(), host.Cmd{Args: strings.Fields(c)}); err != nil {
						t.Fatal(err)
					}
				}
			})
		})
	}
}
