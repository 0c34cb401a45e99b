package manager

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources"
)

func TestDetect(t *testing.T) {
	release := func(lines string) string { return "-- etc/os-release --\n" + lines + "\n" }
	for name, tt := range map[string]struct{ tree, want string }{
		"apt":                    {release("ID=debian") + "-- usr/bin/apt-get --\n", "apt"},
		"a relative":             {release("ID=mint\nID_LIKE=\"ubuntu debian\"") + "-- usr/bin/apt-get --\n-- usr/bin/dnf --\n", "apt"},
		"dnf":                    {release("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"") + "-- usr/bin/apt-get --\n-- usr/bin/dnf --\n-- usr/bin/yum --\n", "dnf"},
		"dnf 5":                  {release("ID=fedora") + "-- usr/bin/dnf5 --\n", "dnf"},
		"yum":                    {release("ID=centos") + "-- usr/bin/yum --\n", "yum"},
		"zypper":                 {release("ID=\"opensuse-leap\"\nID_LIKE=\"suse opensuse\"") + "-- usr/bin/zypper --\n-- usr/bin/dnf --\n", "zypper"},
		"pacman":                 {release("ID=arch") + "-- usr/bin/pacman --\n", "pacman"},
		"apk":                    {"-- usr/lib/os-release --\nID=alpine\n-- sbin/apk --\n", "apk"},
		"not its distribution's": {release("ID=debian") + "-- usr/bin/dnf --\n", "dnf"},
		"no word of it":          {"-- usr/bin/pacman --\n", "pacman"},
		"none":                   {release("ID=debian"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Detect(hosttest.New(t, tt.tree))
			if got != tt.want || errors.Is(err, ErrNone) != (tt.want == "") {
				t.Errorf("want %q, got %q, %v", tt.want, got, err)
			}
		})
	}
}

// late is how an attempt's deadline says that it has passed.
type late struct{}

func (late) Error() string { return "timed out after 10s" }
func (late) Timeout() bool { return true }

// A held lock is tried again every second; who holds it, by /proc/locks or by the manager's own words, is told while it waits, afterwards and at the deadline.
func TestHeldLock(t *testing.T) {
	for name, tt := range map[string]struct {
		said  Holder // by the manager
		tries int    // after which the lock is free; 0: never
		err   string
		note  string
	}{
		"free in time":         {Holder{Lock: "/lock"}, 3, "", "waited 3s: /lock is held by process 77 (holder)"},
		"by the manager":       {Holder{Lock: "its lock", PID: 78, Name: "other"}, 1, "", "waited 1s: its lock is held by process 78 (other)"},
		"nobody knows by whom": {Holder{Lock: "its lock"}, 1, "", "waited 1s: its lock is held by another process"},
		"never free":           {Holder{Lock: "/lock"}, 0, "manage: /lock is held by process 77 (holder): timed out after 10s; the attribute timeout gives it longer", ""},
		"free at once":         {Holder{}, 0, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, "-- lock --\n-- proc/77/comm --\nholder\n-- proc/locks --\n")
			st, err := h.Lstat("/lock")
			if err != nil {
				t.Fatal(err)
			}
			locks := fmt.Sprintf("1: FLOCK  ADVISORY  WRITE 12 08:01:%d 0 EOF\n2: POSIX  ADVISORY  WRITE 77 08:01:%d 0 EOF\n", st.Ino, st.Ino)
			if err := h.WriteFile(t.Context(), "/proc/locks", host.NewFile{Content: strings.NewReader(locks)}); err != nil {
				t.Fatal(err)
			}
			ran := 0
			h.Handle("manage", func(context.Context, host.Cmd) (host.Output, error) {
				if ran++; tt.said.Lock == "" || tt.tries > 0 && ran > tt.tries {
					return host.Output{}, nil
				}
				return host.Output{ExitCode: 1}, nil
			})
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Second, late{})
				defer cancel()
				var told []string
				ctx = resources.WithTell(ctx, func(what string) { told = append(told, what) })
				s := &Session{Host: h, Locked: func(host.Output) (Holder, bool) { return tt.said, true }}
				_, err := s.Exec(ctx, "manage", host.Cmd{Args: []string{"manage"}})
				if (err == nil) != (tt.err == "") || err != nil && err.Error() != tt.err {
					t.Errorf("want %q, got %v", tt.err, err)
				}
				if diff := cmp.Diff(tt.note, strings.Join(s.Notes, "\n")); diff != "" {
					t.Error(diff)
				}
				_, held, _ := strings.Cut(tt.note, ": ")
				if tt.err != "" {
					held = strings.Split(tt.err, ": ")[1]
				}
				if held != "" {
					held = "waiting: " + held
				}
				if diff := cmp.Diff(held, strings.Join(told, "\n")); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

func TestExitError(t *testing.T) {
	h := hosttest.New(t, "")
	h.Handle("manage", func(context.Context, host.Cmd) (host.Output, error) {
		return host.Output{ExitCode: 4, Stdout: []byte("a\nb\n"), Stderr: []byte("Reading\nE: it is bad\n")}, nil
	})
	s := &Session{Host: h}
	_, err := s.Exec(t.Context(), "manage it", host.Cmd{Args: []string{"manage"}})
	if err == nil || err.Error() != "manage it: exit code 4: it is bad" {
		t.Errorf("got %v", err)
	}
	if _, err := s.Exec(t.Context(), "manage it", host.Cmd{Args: []string{"manage"}}, 3, 4); err != nil {
		t.Errorf("a code that is fine: %v", err)
	}
}

// Of a command that its deadline ended it is told which package it was at.
func TestDetailAtTheDeadline(t *testing.T) {
	h := hosttest.New(t, "")
	h.Handle("manage", func(context.Context, host.Cmd) (host.Output, error) {
		return host.Output{Stdout: []byte("Setting up first (1) ...\nSetting up asks (1) ...\nGo on? [y/N] ")}, late{}
	})
	_, err := (&Session{Host: h}).Exec(t.Context(), "manage it", host.Cmd{Args: []string{"manage"}})
	if err == nil || err.Error() != "manage it: timed out after 10s; the attribute timeout gives it longer" {
		t.Errorf("got %v", err)
	}
	said, ok := errors.AsType[interface {
		error
		Detail() string
	}](err)
	if !ok || said.Detail() != "Setting up asks (1) ...\nGo on? [y/N] " {
		t.Errorf("%v does not say what it was at", err)
	}
}

// What dpkg and a package's script say is told, not what apt says of everything.
func TestDetail(t *testing.T) {
	const told = "Reading package lists...\nSetting up first (1) ...\n\rSetting up guilty (1) ...\r\nno innocent\ndpkg: error processing package guilty (--configure):\n installed guilty package post-installation script subprocess returned error exit status 1\n"
	for name, tc := range map[string]struct{ out, want string }{
		"dpkg":  {told + "Errors were encountered while processing:\n guilty\n", "Setting up guilty (1) ...\nno innocent\ndpkg: error processing package guilty (--configure):\n installed guilty package post-installation script subprocess returned error exit status 1"},
		"apt":   {"Reading package lists...\nBuilding dependency tree...\n", ""},
		"a lot": {"Setting up a\n" + strings.Repeat("x\n", 2*detailLines) + "Errors were encountered while processing:\n a\n", strings.TrimSpace(strings.Repeat("x\n", detailLines))},
	} {
		err := &ExitError{Output: host.Output{ExitCode: 100, Stdout: []byte(tc.out)}}
		if diff := cmp.Diff(tc.want, err.Detail()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// What comes is there before what goes has gone, and after that where the two conflict.
func TestExchange(t *testing.T) {
	bad := errors.New("bad")
	for name, tt := range map[string]struct {
		install []error // by try
		remove  error
		want    string // what was done, and whether that failed
	}{
		"both":     {[]error{nil}, nil, "install remove"},
		"conflict": {[]error{bad, nil}, nil, "install remove install"},
		"failure":  {[]error{bad, bad}, nil, "install remove install: bad"},
		"stays":    {[]error{nil}, bad, "install remove: bad"},
		"all bad":  {[]error{bad}, bad, "install remove: bad\nbad"},
	} {
		t.Run(name, func(t *testing.T) {
			var done []string
			err := Transaction{Remove: []string{"old"}}.Exchange(t.Context(), func() error {
				done = append(done, "install")
				return tt.install[len(slices.DeleteFunc(slices.Clone(done), func(s string) bool { return s == "remove" }))-1]
			}, func() error {
				done = append(done, "remove")
				return tt.remove
			})
			got := strings.Join(done, " ")
			if err != nil {
				got += ": " + err.Error()
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFind(t *testing.T) {
	db := NewDB("x86_64", ".")
	for _, p := range []Package{
		{Name: "libc", Arch: "i686", Version: "1", Status: Installed}, {Name: "libc", Arch: "x86_64", Version: "2", Status: Installed},
		{Name: "only", Arch: "i686", Version: "1", Status: Installed, Provides: []string{"only", "virtual"}}, {Name: "doc", Arch: "noarch", Version: "1", Status: Installed},
		{Name: "half", Arch: "x86_64", Version: "1", Status: Broken},
	} {
		db.Put(p)
	}
	got := map[string]string{}
	for _, n := range []string{"libc", "libc.i686", "libc.x86_64", "libc.s390x", "only", "doc.x86_64", "none"} {
		got[n] = db.Find(n).Version
	}
	want := map[string]string{"libc": "2", "libc.i686": "1", "libc.x86_64": "2", "libc.s390x": "", "only": "1", "doc.x86_64": "1", "none": ""}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"doc", "libc", "libc.i686", "only"}, db.Names()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"half"}, db.BrokenNames()); diff != "" {
		t.Error(diff)
	}
	if p, ok := db.Provider("virtual"); !ok || p.Name != "only" {
		t.Errorf("virtual is provided by %+v", p)
	}
}
