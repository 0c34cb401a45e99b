package model_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources/resourcetest"
	"github.com/nodeapply/apply/resources/service"
	"github.com/nodeapply/apply/sandbox/model"
)

const (
	file    = "/usr/lib/systemd/system/app.service"
	content = "[Service]\nExecStart=/bin/app\nExecReload=/bin/app again\n[Install]\nWantedBy=multi-user.target\n"
)

// TestUnits says for each step, a verb and a unit, a new content of a file or its removal, what comes of it: an error, and the state after it.
func TestUnits(t *testing.T) {
	write := func(content string) string { return "write " + file + " " + content }
	for name, tc := range map[string]struct {
		tree  string
		seed  []host.Unit
		steps [][3]string // what is done, the error, the state of app.service
	}{
		"a service": {"-- " + file + " --\n" + content, nil, [][3]string{
			{"start app", "", "active/running disabled"},
			{"enable app.service", "", "active/running enabled"},
			{"restart app", "", "active/running enabled"},
			{"stop app", "", "inactive/dead enabled"},
			{"stop app", "", "inactive/dead enabled"},
			{"reload app", `reload app.service: the job ended "invalid"`, "inactive/dead enabled"},
			{"reload-or-restart app", "", "active/running enabled"},
			{"reload app", "", "active/running enabled"},
			{"mask app", "", "active/running masked"},
			{"restart app", "restart app.service: unit app.service is masked", "active/running masked"},
			{"enable app", "enable app.service: unit file /etc/systemd/system/app.service is masked", "active/running masked"},
			{"stop app", "", "inactive/dead masked"},
			{"unmask app", "", "inactive/dead enabled"},
			{"kick app", "kick app.service: unknown verb", "inactive/dead enabled"},
		}},
		"its file is brought, changed and removed": {"", nil, [][3]string{
			{"start app", "start app.service: unit app.service not found", ""},
			{"stop app", "stop app.service: unit app.service not loaded", ""},
			{write(content), "", "inactive/dead disabled"},
			{"start app", "", "active/running disabled"},
			{write("[Service]\nExecStart=/bin/other\n"), "", "active/running static, needs a daemon-reload"},
			{"daemon-reload", "", "active/running static, runs by an older unit file"},
			{"reload app", "reload app.service: job type reload is not applicable for unit app.service", "active/running static, runs by an older unit file"},
			{"reload-or-restart app", "", "active/running static"},
			{"write /etc/systemd/system/app.service.d/more.conf [Service]\nExecReload=/bin/more\n", "", "active/running static, needs a daemon-reload"},
			{"daemon-reload", "", "active/running static, runs by an older unit file"},
			{"reload app", "", "active/running static, runs by an older unit file"},
			{"remove " + file, "", "active/running, needs a daemon-reload, runs by an older unit file"},
			{"daemon-reload", "", "active/running not-found"},
			{"restart app", "restart app.service: unit app.service not found", "active/running not-found"},
			{"stop app", "", ""},
			{write("[Service]\nType=simple\n"), "", "inactive/dead static bad-setting"},
			{"start app", "start app.service: unit app.service has a bad unit file setting", "inactive/dead static bad-setting"},
		}},
		"a oneshot ends": {"-- " + file + " --\n[Service]\nType=oneshot\nExecStart=/bin/app\n", nil, [][3]string{
			{"start app", "", "inactive/dead static"},
			{write("[Service]\nType=oneshot\nExecStart=/bin/app\nRemainAfterExit=yes\n"), "", "inactive/dead static, needs a daemon-reload"},
			{"start app", "", "inactive/dead static, needs a daemon-reload"}, // by what systemd has read
			{"daemon-reload", "", "inactive/dead static"},
			{"start app", "", "active/exited static"},
		}},
		"as the node has it": {"-- " + file + " --\n" + content, []host.Unit{
			{Name: "web", ID: "app.service", LoadState: "loaded", ActiveState: "active", SubState: "running", UnitFileState: "disabled"},
		}, [][3]string{
			{"start web", "", "active/running disabled"},
			{write(content + "#\n"), "", "active/running disabled, needs a daemon-reload"},
			{"restart app", "", "active/running disabled, needs a daemon-reload"},
			{"stop web", "", "inactive/dead disabled, needs a daemon-reload"},
		}},
		"its file was changed already": {"-- " + file + " --\n" + content, []host.Unit{
			{Name: "app.service", LoadState: "loaded", ActiveState: "active", SubState: "running", NeedDaemonReload: true},
		}, [][3]string{
			{"enable app", "", "active/running enabled"}, // which has all read again
		}},
		"masked, and nothing else is known": {"", []host.Unit{{Name: "app.service", LoadState: "masked", ActiveState: "inactive", SubState: "dead", UnitFileState: "masked"}}, [][3]string{
			{"start app", "start app.service: unit app.service is masked", "inactive/dead masked"},
			{"unmask app", "", "inactive/dead disabled"},
			{"start app", "", "active/running disabled"},
		}},
		"was not there": {"", []host.Unit{{Name: "app.service", LoadState: "not-found", ActiveState: "inactive", SubState: "dead"}}, [][3]string{
			{"mask app", "", "inactive/dead masked"},
			{"unmask app", "", ""},
			{"start app", "start app.service: unit app.service not found", ""},
			{write(content), "", "inactive/dead disabled"},
		}},
		"generated": {"", []host.Unit{
			{Name: "app.service", LoadState: "loaded", ActiveState: "failed", SubState: "failed", UnitFileState: "generated"},
		}, [][3]string{
			{"enable app", "", "failed/failed generated"},
			{"mask app", "", "failed/failed masked"},
			{"enable app", "enable app.service: unit file app.service is masked", "failed/failed masked"},
			{"unmask app", "", "failed/failed generated"},
			{"stop app", "", "failed/failed generated"},
			{"reload-or-restart app", "", "active/running generated"},
			{write(content), "", "active/running disabled, needs a daemon-reload"},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, tc.tree)
			n := begin(t, h, model.Seed{Units: tc.seed})
			for _, s := range tc.steps {
				said := ""
				if err := step(t, h, n, s[0]); err != nil {
					said = err.Error()
				}
				if diff := cmp.Diff(s[1:], []string{said, n.State()["unit app.service"]}); diff != "" {
					t.Fatalf("%s: -want +got\n%s", s[0], diff)
				}
			}
		})
	}
}

func step(t *testing.T, h *hosttest.Host, n *model.Node, s string) error {
	verb, rest, _ := strings.Cut(s, " ")
	name, text, _ := strings.Cut(rest, " ")
	switch verb {
	case "daemon-reload":
		return n.DaemonReload(t.Context())
	case "remove":
		return n.Remove(t.Context(), name, false)
	case "write":
		if err := os.MkdirAll(filepath.Dir(h.Path(name)), 0o755); err != nil {
			return err
		}
		return n.WriteFile(t.Context(), name, host.NewFile{Content: strings.NewReader(text)})
	}
	return n.DoUnit(t.Context(), name, host.Verb(verb))
}

// Of other types of units, of aliases and of names that are none.
func TestNames(t *testing.T) {
	n := begin(t, hosttest.New(t, "-- lib/systemd/system/t.timer --\n[Install]\nWantedBy=timers.target\n-- usr/lib/systemd/system/m.target --\n[Unit]\n"+
		"-- "+file+" --\n"+content+"-- etc/systemd/system/web.service -> "+file+" --\n-- lib/systemd/system/a.socket --\n[Socket]\n"), model.Seed{})
	for name, want := range map[string]string{
		"a.socket": "a.socket active listening", "t.timer": "t.timer active waiting", "m.target": "m.target active active", "web": "app.service active running",
	} {
		t.Run(name, func(t *testing.T) {
			if err := n.DoUnit(t.Context(), name, host.Start); err != nil {
				t.Fatal(err)
			}
			u, err := n.Unit(t.Context(), name)
			if diff := cmp.Diff(name+" "+want, strings.Join([]string{u.Name, u.ID, u.ActiveState, u.SubState}, " ")); diff != "" || err != nil {
				t.Error(err, diff)
			}
		})
	}
	for _, bad := range []string{"a b", "-a"} {
		if _, err := n.Unit(t.Context(), bad); err == nil {
			t.Errorf("%q is no name", bad)
		}
	}
}

// A process that is started again goes on with what the one before it left; the seed is for the first alone.
func TestGoesOn(t *testing.T) {
	h := hosttest.New(t, "-- "+file+" --\n"+content+"-- data/ --\n")
	kept := filepath.Join(t.TempDir(), "model.json")
	open := func(seed model.Seed) *model.Node {
		n, err := model.New(h, kept, seed)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	first := open(model.Seed{Mounts: []host.Mount{{ID: 7, Point: "/", Source: "/dev/a", FSType: "ext4", Options: []string{"rw"}}}})
	for _, s := range []string{"start app", "start app", "enable app", "restart app", "reload app", "stop app", "reload-or-restart app"} {
		if err := step(t, h, first, s); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := first.Run(t.Context(), host.Cmd{Args: []string{"mount", "-t", "tmpfs", "tmpfs", "/data"}}); err != nil || out.ExitCode != 0 {
		t.Fatal(err, out)
	}
	again := open(model.Seed{NoSystemd: true})
	want := map[string]string{
		"unit app.service": "active/running enabled", "mount /": "/dev/a ext4 rw", "mount /data": "tmpfs tmpfs relatime,rw",
	}
	for name, n := range map[string]*model.Node{"first": first, "again": again} {
		if diff := cmp.Diff(want, n.State()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	jobs := []model.Job{{"app.service", "start"}, {"app.service", "restart"}, {"app.service", "reload"}, {"app.service", "stop"}, {"app.service", "start"}}
	if diff := cmp.Diff(jobs, again.Jobs()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"mount /data", "unit app.service"}, first.Used()); diff != "" {
		t.Error(diff)
	}
	if err := os.WriteFile(kept, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := model.New(h, kept, model.Seed{}); err == nil {
		t.Error("half a file was taken for a state")
	}
}

// What has an effect in the model alone is told; links among the unit files are real.
func TestUsed(t *testing.T) {
	h := hosttest.New(t, "-- "+file+" --\n"+content)
	n := begin(t, h, model.Seed{Units: []host.Unit{{Name: "bare.service", LoadState: "loaded", UnitFileState: "disabled"}}})
	for _, tc := range []struct {
		step string
		want []string
	}{
		{"enable app", nil}, {"daemon-reload", nil}, {"stop app", nil}, {"start none", nil}, {"start app", []string{"unit app.service"}}, {"start app", nil},
		{"enable bare", []string{"unit bare.service"}}, {"enable bare", nil}, {"mask bare", nil},
	} {
		_ = step(t, h, n, tc.step) // some fail
		if diff := cmp.Diff(tc.want, n.Used()); diff != "" {
			t.Errorf("%s: %s", tc.step, diff)
		}
		n.Forget()
	}
}

func TestNoSystemd(t *testing.T) {
	n := begin(t, hosttest.New(t, ""), model.Seed{NoSystemd: true})
	_, asked := n.Unit(t.Context(), "app")
	_, log := n.UnitLog(t.Context(), "app", 1)
	for what, err := range map[string]error{"unit": asked, "log": log, "do": n.DoUnit(t.Context(), "app", host.Start), "reload": n.DaemonReload(t.Context())} {
		if !errors.Is(err, host.ErrNoSystemd) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// What a host may be beside, the model is too.
func TestSpace(t *testing.T) {
	h := hosttest.New(t, "")
	if s, err := begin(t, h, model.Seed{}).Space("/"); err != nil || s.Size == 0 {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := begin(t, struct{ host.Host }{h}, model.Seed{}).Space("/"); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("want %v, got %v", errors.ErrUnsupported, err)
	}
}

// The type service converges on units that are files, as on those of a seed, which its own tests have.
func TestServiceOfFiles(t *testing.T) {
	for _, ensure := range []string{"", "running", "stopped"} {
		for _, enable := range []string{"", "true", "false", "mask"} {
			if ensure == "running" && enable == "mask" {
				continue
			}
			t.Run(fmt.Sprintf("%s/%s", ensure, enable), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					h := hosttest.New(t, "-- "+file+" --\n"+content)
					h.AddUnits()
					s := service.Type().New("app").(*service.Service)
					s.Ensure = ensure
					if err := s.Enable.UnmarshalAttr(enable); enable != "" && err != nil {
						t.Fatal(err)
					}
					resourcetest.Converges(t, h, s)
					u, err := h.Unit(t.Context(), "app")
					if running := u.ActiveState == "active"; err != nil || running != (ensure == "running") {
						t.Errorf("%s, %v", u.ActiveState, err)
					}
					for link, there := range map[string]bool{
						"/etc/systemd/system/multi-user.target.wants/app.service": enable == "true", "/etc/systemd/system/app.service": enable == "mask",
					} {
						if st, err := h.Lstat(link); err != nil || (st.Kind == host.Symlink) != there {
							t.Errorf("%s: %s, %v", link, st.Kind, err)
						}
					}
				})
			})
		}
	}
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
