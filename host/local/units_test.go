package local

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
)

func TestUnitOf(t *testing.T) {
	got := unitOf(map[string]any{
		"Id": "sshd.service", "LoadState": "loaded", "ActiveState": "active", "SubState": "running", "UnitFileState": "enabled",
		"NeedDaemonReload": true, "FragmentPath": "/lib/sshd.service", "ActiveEnterTimestamp": uint64(1_700_000_000_000_000),
		"Type": "notify", "Result": "success", "MainPID": uint32(12), "NRestarts": uint32(3), "Names": []string{"ssh.service"},
	})
	want := host.Unit{
		ID: "sshd.service", LoadState: "loaded", ActiveState: "active", SubState: "running", UnitFileState: "enabled",
		NeedDaemonReload: true, FragmentPath: "/lib/sshd.service", ActiveEnter: time.Unix(1_700_000_000, 0),
		Type: "notify", Result: "success", MainPID: 12, NRestarts: 3,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if diff := cmp.Diff(host.Unit{}, unitOf(map[string]any{"Id": 5})); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestNoSystemdBelowAnotherRoot(t *testing.T) {
	l, err := New(Options{Root: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err1 := l.Unit(t.Context(), "ssh")
	_, err2 := l.UnitLog(t.Context(), "ssh", 1)
	for _, err := range []error{err1, err2, l.DoUnit(t.Context(), "ssh", host.Start), l.DaemonReload(t.Context())} {
		if !errors.Is(err, host.ErrNoSystemd) {
			t.Errorf("want %v, got %v", host.ErrNoSystemd, err)
		}
	}
}
