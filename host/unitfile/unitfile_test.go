package unitfile_test

import (
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/host/unitfile"
)

// units are unit files as systemctl's own rules tell them apart.
const units = `-- usr/lib/systemd/system/app.service --
[Service]
ExecStart=/bin/app
[Install]
WantedBy=multi-user.target \
  other.target
RequiredBy=%p.target
Alias=web.service
Also=app.socket
-- usr/lib/systemd/system/app.socket --
[Install]
WantedBy=gone.target
WantedBy=
WantedBy=sockets.target
-- usr/lib/systemd/system/t@.service --
[Install]
WantedBy=multi-user.target
WantedBy=%i.target
DefaultInstance=one
-- usr/lib/systemd/system/static.service --
[Service]
ExecStart=/bin/app
-- usr/lib/systemd/system/indirect.service --
[Install]
Also=app.service
-- usr/lib/systemd/system/alias.service --
[Install]
Alias=other.service
-- usr/lib/systemd/system/other.service.d/no.conf --
-- usr/lib/systemd/system/dropped.service --
-- usr/lib/systemd/system/static.service.d/install.conf.off --
[Install]
WantedBy=multi-user.target
-- usr/lib/systemd/system/extended.service --
[Service]
ExecStart=/bin/app
-- etc/systemd/system/extended.service.d/install.conf --
[Install]
WantedBy=extended.target
-- etc/systemd/system/own.service --
[Install]
WantedBy=multi-user.target
-- opt/linked.service --
[Install]
WantedBy=multi-user.target
-- etc/systemd/system/linked.service -> /opt/linked.service --
`

// TestSystemctl compares what is made of unit files here with what systemctl does on the same ones.
func TestSystemctl(t *testing.T) {
	systemctl := hosttest.Program(t, "systemctl", "that units are enabled as systemd does")
	for _, tc := range []struct{ name, steps string }{
		{"two targets, an alias and another unit", "enable app.service, enable app.service, disable app.service"},
		{"by its alias", "enable app.service, enable web.service, disable web.service"},
		{"only the socket", "enable app.socket, disable app.service"},
		{"default instance", "enable t@.service, disable t@.service"},
		{"instances", "enable t@two.service, enable t@one.service, disable t@two.service, disable t@.service"},
		{"static", "enable static.service, disable static.service"},
		{"indirect", "enable indirect.service, disable indirect.service"},
		{"alias alone", "enable alias.service, disable other.service"},
		{"by a drop-in", "enable extended.service, disable extended.service"},
		{"in /etc", "enable own.service, disable own.service"},
		{"linked", "enable linked.service, disable linked.service"},
		{"there is none", "enable none.service, mask none.service, unmask none.service"},
		{"an empty file masks", "enable dropped.service, disable dropped.service"},
		{"masked", "enable app.socket, mask app.socket, enable app.socket, disable app.socket, mask app.socket, unmask app.socket, disable app.socket"},
		{"masked for now", "mask-runtime static.service, enable static.service, unmask static.service"},
		{"a mask cannot hide a file in /etc", "mask own.service, unmask own.service"},
		{"nothing to unmask", "unmask static.service, unmask linked.service"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			real, h := hosttest.New(t, units), hosttest.New(t, units)
			for step := range strings.SplitSeq(tc.steps, ", ") {
				verb, unit, _ := strings.Cut(step, " ")
				want := ask(t, systemctl, real, verb, unit)
				got := do(t, h, host.Verb(verb), unit)
				all := []string{"app.service", "app.socket", "static.service", "own.service", "alias.service", "linked.service", unit}
				is := exec.Command(systemctl, append([]string{"--root=" + real.Path("/"), "is-enabled"}, all...)...)
				out, _ := is.Output() // its exit code says it again; it ends at the first that is not there
				want += strings.ReplaceAll(string(out), "alias\n", "enabled\n")
				for _, u := range all {
					def, err := unitfile.Read(h, u)
					if err != nil {
						t.Fatal(err)
					}
					is, err := def.Enablement(h)
					if err != nil {
						t.Fatal(err)
					}
					if is != "" {
						got += is + "\n"
					}
				}
				if diff := cmp.Diff(want+links(t, real), got+links(t, h)); diff != "" {
					t.Fatalf("%s: -systemctl +unitfile\n%s", step, diff)
				}
			}
		})
	}
}

// ask has the real systemctl do it, and says whether it did.
func ask(t *testing.T, systemctl string, h *hosttest.Host, verb, unit string) string {
	runs := [][]string{{verb, unit}}
	switch verb {
	case "mask-runtime":
		runs = [][]string{{"mask", "--runtime", unit}}
	case "unmask":
		runs = append(runs, []string{"unmask", "--runtime", unit})
	}
	said := "done\n"
	for _, args := range runs {
		out, err := exec.CommandContext(t.Context(), systemctl, append([]string{"--root=" + h.Path("/")}, args...)...).CombinedOutput()
		if err != nil || strings.Contains(string(out), "Failed to disable") { // which ends with 0
			said = "failed\n"
		}
	}
	return said
}

func do(t *testing.T, h host.Host, v host.Verb, unit string) string {
	if err := set(t, h, v, unit); err != nil {
		return "failed\n"
	}
	return "done\n"
}

func set(t *testing.T, h host.Host, v host.Verb, unit string) error {
	switch v {
	case host.Enable:
		return unitfile.Enable(t.Context(), h, unit)
	case host.Disable:
		return unitfile.Disable(t.Context(), h, unit)
	case host.Unmask:
		return unitfile.Unmask(t.Context(), h, unit)
	}
	return unitfile.Mask(t.Context(), h, unit, v == host.MaskRuntime)
}

// links are the links of the tree, and the folders beside units, a line each.
func links(t *testing.T, h *hosttest.Host) string {
	var all []string
	root := h.Path("/")
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		target, notLink := os.Readlink(name)
		if rel, _ := filepath.Rel(root, name); notLink == nil || strings.HasSuffix(rel, ".wants") {
			all = append(all, rel+" -> "+target+"\n")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return strings.Join(all, "")
}

// full is a host on which no link can be made.
type full struct{ host.Host }

func (full) Symlink(context.Context, string, string) error { return fs.ErrPermission }

// Why something cannot be done is told in systemd's words.
func TestFailures(t *testing.T) {
	for _, tc := range []struct {
		verb       host.Verb
		unit, want string
	}{
		{host.Enable, "none.service", "unit file none.service does not exist"},
		{host.Disable, "none.service", "unit file none.service does not exist"},
		{host.Enable, "dropped.service", "unit file /usr/lib/systemd/system/dropped.service is masked"},
		{host.Mask, "own.service", "file /etc/systemd/system/own.service already exists"},
		{host.Enable, "to.service", "refusing to operate on alias name or linked unit file: to.service"},
		{host.Enable, "n@.service", "destination unit multi-user.target is a non-template unit"},
		{host.Enable, "taken.service", "file /etc/systemd/system/own.service already exists"},
		{host.Enable, "loop.service", "loop.service: too many links lead to other units"},
		{host.Enable, "app.service", "permission denied"},
		{host.Mask, "app.service", "permission denied"},
	} {
		t.Run(string(tc.verb)+" "+tc.unit, func(t *testing.T) {
			h := full{hosttest.New(t, units+"-- etc/systemd/system/to.service -> app.service --\n-- etc/systemd/system/app.service -> /usr/lib/systemd/system/app.service --\n"+
				"-- lib/systemd/system/n@.service --\n[Install]\nWantedBy=multi-user.target\n-- lib/systemd/system/taken.service --\n[Install]\nAlias=own.service\n"+
				"-- etc/systemd/system/loop.service -> pool.service --\n-- etc/systemd/system/pool.service -> loop.service --\n")}
			if tc.want == "permission denied" {
				if err := h.Remove(t.Context(), "/etc/systemd/system/app.service", false); err != nil {
					t.Fatal(err)
				}
			}
			if err := set(t, h, tc.verb, tc.unit); err == nil || err.Error() != tc.want {
				t.Errorf("want %q, got %v", tc.want, err)
			}
		})
	}
}

// What the files say of units: of which another name is, of what type, and whether systemd can load it.
func TestRead(t *testing.T) {
	h := hosttest.New(t, units+`-- lib/systemd/system/notify.service --
[Service]
Type=notify-reload
ExecStart=/bin/app
-- lib/systemd/system/bus.service --
[Service]
BusName=org.example
ExecStart=/bin/app
ExecReload=/bin/app again
-- lib/systemd/system/once.service --
; a comment
[Service]
ExecStop=/bin/true
RemainAfterExit=on
[Unit]
ExecReload=no
-- lib/systemd/system/once.service.d/z.conf --
[Service]
RemainAfterExit=no
-- run/systemd/system/once.service.d/z.conf --
[Service]
RemainAfterExit=yes
-- etc/systemd/system/service.d/z.conf --
[Service]
RemainAfterExit=no
-- etc/systemd/system/web.service -> ../../../usr/lib/systemd/system/app.service --
-- etc/systemd/system/t@alias.service -> /usr/lib/systemd/system/t@.service --
-- etc/systemd/system/u@.service -> ../../../usr/lib/systemd/system/static.service --
-- etc/systemd/system/v@.service -> /usr/lib/systemd/system/t@.service --
-- etc/systemd/system/dangling.service -> /opt/none.service --
`)
	for name, want := range map[string]string{
		"web.service":      "app.service /usr/lib/systemd/system/app.service loaded simple",
		"t@alias.service":  "t@alias.service /etc/systemd/system/t@alias.service bad-setting oneshot",
		"u@1.service":      "static.service /usr/lib/systemd/system/static.service loaded simple",
		"v@x.service":      "t@x.service /usr/lib/systemd/system/t@.service bad-setting oneshot",
		"app.socket":       "app.socket /usr/lib/systemd/system/app.socket loaded ",
		"notify.service":   "notify.service /lib/systemd/system/notify.service loaded notify-reload reloads",
		"bus.service":      "bus.service /lib/systemd/system/bus.service loaded dbus reloads",
		"once.service":     "once.service /lib/systemd/system/once.service loaded oneshot remains",
		"dangling.service": "dangling.service ",
	} {
		t.Run(name, func(t *testing.T) {
			u, err := unitfile.Read(h, name)
			got := u.ID + " " + u.File
			if u.File != "" {
				got += " " + u.LoadState() + " " + u.Type()
			}
			if u.Remains() {
				got += " remains"
			}
			if u.Reloads() {
				got += " reloads"
			}
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Error(err, diff)
			}
		})
	}
}
