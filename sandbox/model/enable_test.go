package model_test

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
	"github.com/nodeapply/apply/sandbox/model"
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

// TestSystemctl compares what the model makes of unit files with what systemctl does on the same ones.
func TestSystemctl(t *testing.T) {
	systemctl := hosttest.Program(t, "systemctl", "that the model enables units as systemd does")
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
			n := begin(t, h, model.Seed{})
			for step := range strings.SplitSeq(tc.steps, ", ") {
				verb, unit, _ := strings.Cut(step, " ")
				want := ask(t, systemctl, real, verb, unit)
				got := do(t, n, host.Verb(verb), unit)
				all := []string{"app.service", "app.socket", "static.service", "own.service", "alias.service", "linked.service", unit}
				is := exec.Command(systemctl, append([]string{"--root=" + real.Path("/"), "is-enabled"}, all...)...)
				out, _ := is.Output() // its exit code says it again; it ends at the first that is not there
				want += strings.ReplaceAll(string(out), "alias\n", "enabled\n")
				for _, u := range all {
					now, err := n.Unit(t.Context(), u)
					if err != nil {
						t.Fatal(err)
					}
					if now.UnitFileState != "" {
						got += now.UnitFileState + "\n"
					}
				}
				if diff := cmp.Diff(want+links(t, real), got+links(t, h)); diff != "" {
					t.Fatalf("%s: -systemctl +model\n%s", step, diff)
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

func do(t *testing.T, n *model.Node, v host.Verb, unit string) string {
	if err := n.DoUnit(t.Context(), unit, v); err != nil {
		if !strings.HasPrefix(err.Error(), string(v)+" "+unit+": ") {
			t.Errorf("the error does not say what was wanted: %v", err)
		}
		return "failed\n"
	}
	return "done\n"
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

// begin is a model of the host that begins with seed.
func begin(t *testing.T, h host.Host, seed model.Seed) *model.Node {
	t.Helper()
	n, err := model.New(h, filepath.Join(t.TempDir(), "model.json"), seed)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// full is a host on which no link can be made.
type full struct{ host.Host }

func (full) Symlink(context.Context, string, string) error { return fs.ErrPermission }

func TestEnableFails(t *testing.T) {
	n := begin(t, full{hosttest.New(t, units)}, model.Seed{})
	for _, v := range []host.Verb{host.Enable, host.Mask} {
		if err := n.DoUnit(t.Context(), "app", v); err == nil || !strings.Contains(err.Error(), string(v)+" app.service: permission denied") {
			t.Errorf("%s: %v", v, err)
		}
	}
}
