package accounts_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/internal/accounts"
)

// bare is a node without any file.
type bare struct{ host.FileReader }

func (bare) Lstat(string) (host.Stat, error) { return host.Stat{}, nil }

// What the name services know is asked for once a minute, what they do not know each time, and what no name can be never.
func TestNameServices(t *testing.T) { synctest.Test(t, testNameServices) }

func testNameServices(t *testing.T) {
	var asked []string
	known := ""
	a := accounts.New(bare{}, func(_ context.Context, c host.Cmd) (host.Output, error) {
		asked = append(asked, strings.Join(c.Args, " "))
		if known == "" {
			return host.Output{ExitCode: 2}, nil
		}
		return host.Output{Stdout: []byte(known)}, nil
	})
	for _, name := range []string{"bob", "bob", "-v", "a:b", "a\nb", ""} {
		if _, err := a.LookupUser(t.Context(), name); !errors.Is(err, host.ErrUnknownAccount) {
			t.Errorf("%q: want %v, got %v", name, host.ErrUnknownAccount, err)
		}
	}
	known = "bob:*:1000:1001:Bob:/home/bob:/bin/sh\n"
	want := host.User{Name: "bob", UID: 1000, GID: 1001, Home: "/home/bob", Shell: "/bin/sh"}
	for range 2 {
		got, err := a.LookupUser(t.Context(), "bob")
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v, -want +got\n%s", err, diff)
		}
	}
	if diff := cmp.Diff([]string{"getent passwd bob", "getent passwd bob", "getent passwd ", "getent passwd bob"}, asked); diff != "" {
		t.Errorf("asked: -want +got\n%s", diff)
	}
	time.Sleep(time.Minute)
	known = "bob:*:2000:1001:Bob:/home/bob:/bin/sh\n"
	if got, err := a.LookupUser(t.Context(), "bob"); err != nil || got.UID != 2000 {
		t.Errorf("the next run sees what he was before: %v, %v", got, err)
	}
}

// Name services that do not answer cost each name their time once a minute, not each file of it.
func TestSilentNameServices(t *testing.T) { synctest.Test(t, testSilentNameServices) }

func testSilentNameServices(t *testing.T) {
	asked := 0
	a := accounts.New(bare{}, func(ctx context.Context, _ host.Cmd) (host.Output, error) {
		asked++
		<-ctx.Done()
		return host.Output{}, context.Cause(ctx)
	})
	short, cancel := context.WithTimeoutCause(t.Context(), time.Second, errors.New("the resource's own"))
	defer cancel()
	for _, step := range []struct {
		name  string
		ctx   context.Context
		later time.Duration
		want  string
		took  time.Duration
		asked int
	}{
		{"a shorter time of one's own", short, 0, "the resource's own", time.Second, 1},
		{"the first", t.Context(), 0, "timed out after 10s", 10 * time.Second, 2},
		{"the next", t.Context(), 0, "timed out after 10s", 0, 2},
		{"a minute later", t.Context(), time.Minute, "timed out after 10s", 10 * time.Second, 3},
	} {
		time.Sleep(step.later)
		began := time.Now()
		_, err := a.LookupUser(step.ctx, "bob")
		if err == nil || err.Error() != step.want || time.Since(began) != step.took || asked != step.asked {
			t.Errorf("%s: want %q after %s, asked %d times; got %v after %s, asked %d times", step.name, step.want, step.took, step.asked, err, time.Since(began), asked)
		}
	}
}

// A node without getent knows its files alone.
func TestWithoutNameServices(t *testing.T) {
	a := accounts.New(bare{}, func(context.Context, host.Cmd) (host.Output, error) {
		return host.Output{ExitCode: 127}, errors.New("getent: not found")
	})
	if _, err := a.LookupGroup(t.Context(), "wheel"); !errors.Is(err, host.ErrUnknownAccount) {
		t.Errorf("want %v, got %v", host.ErrUnknownAccount, err)
	}
	if got, err := a.LookupGroup(t.Context(), "7"); err != nil || got != (host.Group{Name: "7", GID: 7}) {
		t.Errorf("a number needs no entry: %v, %v", got, err)
	}
	if got, err := a.LookupUser(t.Context(), "4294967295"); !errors.Is(err, host.ErrUnknownAccount) {
		t.Errorf("the number that is no change to chown: want %v, got %v, %v", host.ErrUnknownAccount, got, err)
	}
}
