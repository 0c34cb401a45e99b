package systemd_test

import (
	"bufio"
	"context"
	"errors"
	"net"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	sd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/host/internal/systemd"
)

// manager is a systemd of few words on a bus of its own.
type manager struct {
	conn    *dbus.Conn
	mu      sync.Mutex
	jobs    uint32
	calls   []string
	changes map[string]bool // the unit files that enabling changes
	hung    chan struct{}   // told when a job that never ends was made
}

func (m *manager) call(words ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls = append(m.calls, strings.Join(words, " "))
}

// heard returns what the systemd was asked for, in order.
func (m *manager) heard() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.calls)
}

func (m *manager) job(verb, unit string) (dbus.ObjectPath, *dbus.Error) {
	m.call(verb, unit)
	if unit == "none.service" {
		return "", dbus.NewError("org.freedesktop.systemd1.NoSuchUnit", []any{"Unit none.service not found."})
	}
	m.mu.Lock()
	m.jobs++
	id := m.jobs
	m.mu.Unlock()
	job := dbus.ObjectPath("/org/freedesktop/systemd1/job/" + string(rune('0'+id%10)))
	result := map[string]string{"hangs.service": "", "bad.service": "failed"}[unit]
	switch {
	case unit == "hangs.service":
		close(m.hung)
	default:
		if result == "" {
			result = "done"
		}
		go func() {
			_ = m.conn.Emit("/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager.JobRemoved", id, job, unit, result)
		}()
	}
	return job, nil
}

func (m *manager) StartUnit(unit, _ string) (dbus.ObjectPath, *dbus.Error) {
	return m.job("start", unit)
}
func (m *manager) StopUnit(unit, _ string) (dbus.ObjectPath, *dbus.Error) { return m.job("stop", unit) }
func (m *manager) RestartUnit(unit, _ string) (dbus.ObjectPath, *dbus.Error) {
	return m.job("restart", unit)
}
func (m *manager) ReloadUnit(unit, _ string) (dbus.ObjectPath, *dbus.Error) {
	return m.job("reload", unit)
}
func (m *manager) ReloadOrRestartUnit(unit, _ string) (dbus.ObjectPath, *dbus.Error) {
	return m.job("reload-or-restart", unit)
}

func (m *manager) CancelJob(uint32) *dbus.Error { m.call("cancel"); return nil }
func (m *manager) Reload() *dbus.Error          { m.call("daemon-reload"); return nil }

type change struct{ Type, File, Destination string }

func (m *manager) change(verb string, files []string) []change {
	m.call(verb, files[0])
	if m.changes[files[0]] {
		return []change{{"symlink", "/a", "/b"}}
	}
	return []change{}
}

func (m *manager) EnableUnitFiles(files []string, _, _ bool) (bool, []change, *dbus.Error) {
	return true, m.change("enable", files), nil
}
func (m *manager) DisableUnitFiles(files []string, _ bool) ([]change, *dbus.Error) {
	return m.change("disable", files), nil
}
func (m *manager) MaskUnitFiles(files []string, runtime, _ bool) ([]change, *dbus.Error) {
	return m.change("mask"+where(runtime), files), nil
}
func (m *manager) UnmaskUnitFiles(files []string, runtime bool) ([]change, *dbus.Error) {
	return m.change("unmask"+where(runtime), files), nil
}

func where(runtime bool) string {
	if runtime {
		return "-runtime"
	}
	return ""
}

// properties are those of one unit, by interface.
type properties map[string]map[string]dbus.Variant

func (p properties) GetAll(of string) (map[string]dbus.Variant, *dbus.Error) {
	return p[strings.TrimPrefix(of, "org.freedesktop.systemd1.")], nil
}

// units has these units on the bus.
func (m *manager) units(t *testing.T, units map[string]properties) {
	t.Helper()
	for unit, p := range units {
		path := dbus.ObjectPath("/org/freedesktop/systemd1/unit/" + sd.PathBusEscape(unit))
		if err := m.conn.Export(p, path, "org.freedesktop.DBus.Properties"); err != nil {
			t.Fatal(err)
		}
	}
}

// started returns a bus, and on it a systemd, for which others are asked before.
func started(t *testing.T, asked ...string) (*manager, *systemd.Manager) {
	t.Helper()
	daemon := hosttest.Program(t, "dbus-daemon", "jobs and properties over a real bus")
	cmd := exec.CommandContext(t.Context(), daemon, "--session", "--nofork", "--print-address", "--address=unix:path="+t.TempDir()+"/bus")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = cmd.Process.Kill(), cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	address, _, _ := strings.Cut(strings.TrimSpace(line), ",")
	conn, err := dbus.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	fake := &manager{conn: conn, hung: make(chan struct{}), changes: map[string]bool{"a.service": true}}
	if err := conn.Export(fake, "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager"); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.RequestName("org.freedesktop.systemd1", 0); err != nil {
		t.Fatal(err)
	}
	m := systemd.At(append(asked, address)...)
	t.Cleanup(m.Close)
	return fake, m
}

func TestJobs(t *testing.T) {
	fake, m := started(t)
	for _, c := range []struct{ verb, unit, want, err string }{
		{"start", "a.service", "done", ""},
		{"restart", "bad.service", "failed", ""},
		{"stop", "none.service", "", "Unit none.service not found."},
		{"reload", "a.service", "done", ""},
		{"reload-or-restart", "a.service", "done", ""},
		{"enable", "a.service", "", `"enable" makes no job`},
	} {
		got, err := m.Job(t.Context(), c.verb, c.unit)
		if text := message(err); got != c.want || text != c.err {
			t.Errorf("%s %s: want %q, %q, got %q, %q", c.verb, c.unit, c.want, c.err, got, text)
		}
	}
	want := []string{"start a.service", "restart bad.service", "stop none.service", "reload a.service", "reload-or-restart a.service"}
	if diff := cmp.Diff(want, fake.heard()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestManyJobsAtOnce(t *testing.T) {
	_, m := started(t)
	var wg sync.WaitGroup
	for range 9 { // as many as the fake has paths for
		wg.Go(func() {
			if r, err := m.Job(t.Context(), "start", "a.service"); r != "done" {
				t.Errorf("want done, got %q, %v", r, err)
			}
		})
	}
	wg.Wait()
}

func TestAJobThatIsGivenUpIsCancelled(t *testing.T) {
	fake, m := started(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		<-fake.hung
		cancel(errors.New("timed out after 1s"))
	}()
	_, err := m.Job(ctx, "start", "hangs.service")
	if want := "timed out after 1s"; message(err) != want {
		t.Errorf("want %q, got %v", want, err)
	}
	if diff := cmp.Diff([]string{"start hangs.service", "cancel"}, fake.heard()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestAJobEndsWithItsConnection(t *testing.T) {
	fake, m := started(t)
	go func() {
		<-fake.hung
		m.Close()
	}()
	if _, err := m.Job(t.Context(), "start", "hangs.service"); !errors.Is(err, systemd.ErrLost) {
		t.Errorf("want %v, got %v", systemd.ErrLost, err)
	}
	if r, err := m.Job(t.Context(), "start", "a.service"); r != "done" {
		t.Errorf("after it: want done, got %q, %v", r, err)
	}
}

func TestUnitFiles(t *testing.T) {
	fake, m := started(t)
	for _, verb := range []string{"enable", "disable", "mask", "mask-runtime", "unmask"} {
		for _, unit := range []string{"a.service", "same.service"} {
			if err := m.SetUnitFile(t.Context(), verb, unit); err != nil {
				t.Error(err)
			}
		}
	}
	if err := m.SetUnitFile(t.Context(), "start", "a.service"); err == nil {
		t.Error("start: want an error")
	}
	var want []string
	for _, verb := range []string{"enable", "disable", "mask", "mask-runtime"} {
		want = append(want, verb+" a.service", "daemon-reload", verb+" same.service")
	}
	want = append(want, "unmask a.service", "unmask-runtime a.service", "daemon-reload", "unmask same.service", "unmask-runtime same.service")
	if diff := cmp.Diff(want, fake.heard()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestProperties(t *testing.T) {
	fake, m := started(t)
	fake.units(t, map[string]properties{
		"a@1.service": {"Unit": {"Id": dbus.MakeVariant("a@1.service")}, "Service": {"MainPID": dbus.MakeVariant(uint32(7))}},
		"a.target":    {"Unit": {"Id": dbus.MakeVariant("a.target")}, "Service": {"MainPID": dbus.MakeVariant(uint32(7))}},
	})
	for unit, want := range map[string]map[string]any{
		"a@1.service": {"Id": "a@1.service", "MainPID": uint32(7)},
		"a.target":    {"Id": "a.target"},
	} {
		got, err := m.Properties(t.Context(), unit)
		if err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", unit, diff)
		}
	}
}

func TestNobodyThere(t *testing.T) {
	m := systemd.At("unix:path=" + t.TempDir() + "/none")
	_, err := m.Properties(t.Context(), "a.service")
	if err == nil || !strings.HasPrefix(err.Error(), "connect to systemd: ") {
		t.Errorf("got %v", err)
	}
}

func TestSilentPeerIsGivenUp(t *testing.T) {
	dir := t.TempDir()
	listener := listen(t, dir+"/silent")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 200*time.Millisecond, errors.New("enough"))
	defer cancel()
	_, err := systemd.At("unix:path="+listener).Properties(ctx, "a.service")
	if err == nil || !strings.Contains(err.Error(), "enough") {
		t.Errorf("want the cause, got %v", err)
	}
}

// TestAnotherIsAskedThanWhoIsSilent: where the daemon of the system bus hangs, systemd is reached by its own socket.
func TestAnotherIsAskedThanWhoIsSilent(t *testing.T) {
	t.Parallel()
	fake, m := started(t, "unix:path="+listen(t, t.TempDir()+"/silent"))
	fake.units(t, map[string]properties{"a.target": {"Unit": {"Id": dbus.MakeVariant("a.target")}}})
	got, err := m.Properties(t.Context(), "a.target")
	if diff := cmp.Diff(map[string]any{"Id": "a.target"}, got); diff != "" || err != nil {
		t.Errorf("%v; -want +got\n%s", err, diff)
	}
}

// listen returns the name of a socket that takes connections and says nothing.
func listen(t *testing.T, name string) string {
	t.Helper()
	l, err := net.Listen("unix", name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return name
}
