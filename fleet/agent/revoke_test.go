package agent

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ssh"

	"github.com/nodeapply/apply/exchange/pki"
	"github.com/nodeapply/apply/fleet"
	"github.com/nodeapply/apply/fleet/transport"
)

// TestRevoked: what is taken away is away without a new start of the agent, and comes back by enrolling again.
func TestRevoked(t *testing.T) {
	n := start(t)
	run := func(a *pki.Authority) error {
		c, err := n.dial(t, a, "n1", n.key)
		if err != nil {
			return err
		}
		_, err = c.Run(t.Context(), transport.Command{Line: "true"})
		return err
	}
	enroll := func(a *pki.Authority) {
		t.Helper()
		if err := Enroll(t.Context(), joining{dir: n.dir}, "n1", "", a, []string{operator(t, "alice@seat", n.key)}); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("the node's certificate", func(t *testing.T) {
		if err := run(n.authority); err != nil {
			t.Fatal(err)
		}
		if err := n.authority.Revoke(t.Context(), "n1"); err != nil {
			t.Fatal(err)
		}
		if err := run(n.authority); !errors.Is(err, pki.ErrRevoked) {
			t.Errorf("want a certificate that is revoked, got %v", err)
		}
		enroll(n.authority)
		if err := run(n.authority); err != nil {
			t.Error(err)
		}
	})
	t.Run("the seat", func(t *testing.T) {
		other := newAuthority(t)
		enroll(other)
		if err := run(n.authority); err == nil || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("want a seat that is not known any more, got %v", err)
		}
		if err := run(other); err != nil {
			t.Error(err)
		}
		enroll(n.authority)
	})
	t.Run("an operator", func(t *testing.T) {
		bob := newKey(t)
		name := filepath.Join(n.dir, operatorsFile)
		if err := os.WriteFile(name, []byte("# ours\n"+operator(t, "alice@seat", n.key)+"\n"+operator(t, "bob@seat", bob)+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		c, err := n.dial(t, n.authority, "n1", bob)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range []int{1, 0} {
			if taken, err := Dismiss(n.dir, []string{string(ssh.MarshalAuthorizedKey(bob.PublicKey()))}); err != nil || taken != want {
				t.Errorf("time %d: %d lines are taken away, %v", i+1, taken, err)
			}
		}
		var refused *fleet.JobError
		if _, err := c.Run(t.Context(), transport.Command{Line: "true"}); !errors.As(err, &refused) || !strings.Contains(err.Error(), "not among the signers") {
			t.Errorf("an operator who was dismissed, on a connection that stands: %v", err)
		}
		if err := run(n.authority); err != nil {
			t.Errorf("another operator: %v", err)
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff("# ours\n"+operator(t, "alice@seat", n.key)+"\n", string(text)); diff != "" {
			t.Error(diff)
		}
	})
}

// TestRunOut: a node's certificate that has run out is told with what to do; enrolled again, the node is believed.
func TestRunOut(t *testing.T) {
	n := start(t)
	dir := t.TempDir()
	now := time.Now().Add(-validity - 48*time.Hour)
	authority, err := pki.OpenAuthority(t.Context(), dir, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	enroll := func() {
		t.Helper()
		if err := Enroll(t.Context(), joining{dir: n.dir}, "n1", "", authority, nil); err != nil {
			t.Fatal(err)
		}
	}
	enroll()
	now = time.Now()
	want := "agent: its certificate has run out on " + now.Add(-48*time.Hour).Format(time.DateOnly) + ": enroll the node again"
	if _, err := n.dial(t, authority, "n1", n.key); err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("want %q, got %v", want, err)
	}
	enroll()
	if _, err := n.dial(t, authority, "n1", n.key); err != nil {
		t.Error(err)
	}
}

// TestClocks: where those of seat and node are far apart it is told with the times, whoever of the two finds it out.
func TestClocks(t *testing.T) {
	n := start(t)
	in := func(dir string, years int) *pki.Authority {
		a, err := pki.OpenAuthority(t.Context(), dir, func() time.Time { return time.Now().AddDate(years, 0, 0) })
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	one, two := t.TempDir(), t.TempDir()
	now, behind := in(one, 0), in(one, -1)
	ahead, now2 := in(two, 1), in(two, 0) // which makes the authority decides from when on all holds
	for _, tt := range []struct {
		name           string
		enrolls, dials *pki.Authority
		want           string
	}{
		{"it is behind", now, behind, "refuses this seat's certificate (by this clock it is "},
		{"it was ahead", ahead, now2, " is before "},
		{"another seat", newAuthority(t), now, "certificate"},
	} {
		if err := Enroll(t.Context(), joining{dir: n.dir}, "n1", "", tt.enrolls, []string{operator(t, "alice@seat", n.key)}); err != nil {
			t.Fatal(err)
		}
		if _, err := n.dial(t, tt.dials, "n1", n.key); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: want %q, got %v", tt.name, tt.want, err)
		}
	}
}
