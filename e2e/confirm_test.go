package e2e

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nodeapply/apply/e2e/lab"
)

// TestConfirm lets one run be undone by its timer and keeps another.
func TestConfirm(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	ctx := t.Context()
	nodes, err := l.Boot(ctx, lab.Spec{Name: "node01"})
	if err != nil {
		t.Fatal(err)
	}
	n := nodes[0]
	if err := n.CopyBinary(ctx, lab.Binary(t)); err != nil {
		t.Fatal(err)
	}
	if err := n.Put(ctx, "/srv/main.hcl", []byte("file \"/etc/motd\" {\n  content = \"new\\n\"\n}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	must(t, n, "echo old > /etc/motd; apply --confirm-within 5s /srv/main.hcl; grep new /etc/motd")
	await(t, 30*time.Second, func(ctx context.Context) bool {
		res, err := n.Run(ctx, "grep", "-q", "old", "/etc/motd")
		return err == nil && res.Code == 0
	})
	// A service that was given the new content runs with the old one again.
	unit := "[Service]\nExecStart=/bin/sh -c 'cp /etc/app.conf /run/app.conf; exec sleep infinity'\n"
	manifest := "file \"/etc/app.conf\" {\n  content = \"new\\n\"\n  notify = [service.app]\n}\nservice \"app\" {\n  ensure = \"running\"\n}\n"
	for name, text := range map[string]string{"/etc/systemd/system/app.service": unit, "/etc/app.conf": "old\n", "/srv/app.hcl": manifest} {
		if err := n.Put(ctx, name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	must(t, n, "systemctl start app; apply --confirm-within 5s /srv/app.hcl; grep new /run/app.conf")
	await(t, 30*time.Second, func(ctx context.Context) bool {
		res, err := n.Run(ctx, "grep", "-q", "old", "/run/app.conf")
		return err == nil && res.Code == 0
	})
	must(t, n, "apply --confirm-within 5m /srv/main.hcl; apply confirm; grep new /etc/motd")
	// One that was undone by hand is not confirmed.
	must(t, n, "echo old > /etc/motd; apply --confirm-within 5m /srv/main.hcl; apply undo; grep old /etc/motd")
	if res, err := n.Run(ctx, "apply", "confirm"); err != nil || res.Code != 1 || !strings.Contains(res.Stderr, "no run waits to be confirmed") {
		t.Errorf("confirmed what was undone: %+v, %v", res, err)
	}
	// A run that takes longer than that leaves all of the time.
	if err := n.Put(ctx, "/srv/slow.hcl", []byte("exec \"slow\" {\n  command = \"sleep 6\"\n}\nfile \"/etc/motd\" {\n  content = \"slow\\n\"\n}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	must(t, n, "apply --confirm-within 4s /srv/slow.hcl; apply confirm; sleep 5; grep slow /etc/motd")
	if got := must(t, n, "systemctl list-timers --all --no-legend 'apply-undo-*'"); strings.TrimSpace(got) != "" {
		t.Errorf("the timer is still there: %s", got)
	}
	if res, err := n.Run(ctx, "apply", "confirm"); err != nil || res.Code != 1 || !strings.Contains(res.Stderr, "no run waits to be confirmed") {
		t.Errorf("confirmed twice: %+v, %v", res, err)
	}
	// The timer does not outlive a power cut: the next run tells that nobody confirmed the last one and nothing undoes it, and how to do either.
	must(t, n, "echo old > /etc/motd; apply --confirm-within 5s /srv/main.hcl; sync")
	if err := errors.Join(n.Kill(ctx), n.Boot(ctx)); err != nil {
		t.Fatal(err)
	}
	if got := must(t, n, "apply /srv/main.hcl"); !strings.Contains(got, "nothing undoes it any more") {
		t.Errorf("the next run says nothing of the undo: %s", got)
	}
	must(t, n, "apply confirm; grep new /etc/motd")
	if got := must(t, n, "apply /srv/main.hcl"); strings.Contains(got, "undoes it") {
		t.Errorf("told still: %s", got)
	}
}

// await asks until ok says yes; its deadline is the test's failure.
func await(t *testing.T, within time.Duration, ok func(ctx context.Context) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for !ok(ctx) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("not within %v", within)
		}
	}
}
