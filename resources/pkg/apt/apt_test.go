package apt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources/pkg/manager"
)

const statusText = `Package: dpkg
Status: install ok installed
Architecture: amd64
Version: 1.21.22

Package: postfix
Status: hold ok installed
Priority: optional
Architecture: amd64
Multi-Arch: foreign
Version: 3.7.11-0+deb12u1
Provides: default-mta, mail-transport-agent (= 3),
 smtpd:any
Conffiles:
 /etc/init.d/postfix 00
Package-Type: nonsense
Description: a server
 Version: not this one
 .
 Status: nor this

Package: old
Status: deinstall ok config-files
Architecture: all
Version: 1.0

Package: half
Status: install ok half-configured
Architecture: amd64
Version: 2.0

Package: wanted
Status: hold ok not-installed
Architecture: amd64

Package: triggered
Status: install ok triggers-awaited
Architecture: amd64
Version: 4
`

func TestReadStatus(t *testing.T) {
	var got []manager.Package
	if err := readStatus(strings.NewReader(statusText), func(p manager.Package) { got = append(got, p) }); err != nil {
		t.Fatal(err)
	}
	want := []manager.Package{
		{Name: "dpkg", Arch: "amd64", Version: "1.21.22", Status: manager.Installed},
		{Name: "postfix", Arch: "amd64", Version: "3.7.11-0+deb12u1", Status: manager.Installed, Held: true, Provides: []string{"default-mta", "mail-transport-agent", "smtpd"}},
		{Name: "old", Arch: "all", Version: "1.0", Status: manager.Leftovers},
		{Name: "half", Arch: "amd64", Version: "2.0", Status: manager.Broken},
		{Name: "wanted", Arch: "amd64", Held: true},
		{Name: "triggered", Arch: "amd64", Version: "4", Status: manager.Installed},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// A line longer than the reader's buffer is cut, and what follows it is read.
func TestReadStatusLongLine(t *testing.T) {
	text := "Package: a\nStatus: install ok installed\nDescription: " + strings.Repeat("x", 200<<10) + "\nVersion: 1\n"
	var got []manager.Package
	if err := readStatus(strings.NewReader(text), func(p manager.Package) { got = append(got, p) }); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]manager.Package{{Name: "a", Version: "1", Status: manager.Installed}}, got); d != "" {
		t.Error(d)
	}
}

// slowStatus is readStatus written without regard to speed and memory.
func slowStatus(text string) []manager.Package {
	var list []manager.Package
	var paragraph []string
	flush := func() {
		fields := map[string]string{}
		key := ""
		for _, line := range paragraph {
			if line[0] == ' ' || line[0] == '\t' {
				fields[key] += "," + line
				continue
			}
			k, v, _ := strings.Cut(line, ":")
			key = k
			fields[key] = v
		}
		status := strings.TrimSpace(fields["Status"])
		if name := strings.TrimSpace(fields["Package"]); name != "" && status != "" {
			p := manager.Package{Name: name, Arch: strings.TrimSpace(fields["Architecture"]), Version: strings.TrimSpace(fields["Version"])}
			p.Status, p.Held = parseStatus(status)
			p.Torn = torn(status)
			if p.Status == manager.Leftovers && p.Version == "" {
				p.Status = manager.Missing
			}
			list = append(list, p)
		}
		paragraph = nil
	}
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimRight(line, " \t\r"); line == "" {
			flush()
		} else {
			paragraph = append(paragraph, line)
		}
	}
	flush()
	return list
}

func FuzzReadStatus(f *testing.F) {
	f.Add(statusText)
	f.Add("Package:0\nStatus:install reinstreq half-installed\n")
	f.Add("Package:0\nStatus:00half-installed")
	f.Fuzz(func(t *testing.T, text string) {
		var lines []string
		for line := range strings.SplitSeq(text, "\n") { // where fields are continued the two differ on purpose: only Provides may be
			if !strings.HasPrefix(line, " ") && !strings.HasPrefix(line, "\t") {
				lines = append(lines, line)
			}
		}
		text = strings.Join(lines, "\n")
		var got []manager.Package
		if err := readStatus(strings.NewReader(text), func(p manager.Package) { p.Provides = nil; got = append(got, p) }); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(slowStatus(text), got); d != "" {
			t.Fatalf("%q: %s", text, d)
		}
	})
}

func BenchmarkReadStatus(b *testing.B) {
	text, err := os.ReadFile(statusFile)
	if err != nil {
		b.Skip("no dpkg here: nothing to read")
	}
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if err := readStatus(bytes.NewReader(text), func(manager.Package) {}); err != nil {
			b.Fatal(err)
		}
	}
}

// The files are one dpkg-query; of a package that was removed nothing is listed.
func TestList(t *testing.T) {
	h := hosttest.New(t, "")
	h.Answer("dpkg-query --show", 0, "bash\tamd64\tbash\tyes\tinstalled\n /.\n /bin/bash\nnginx-common\tall\tnginx\tno\tconfig-files\n /etc/nginx/a\nempty\tall\tempty\t\tinstalled\n"+
		"a b\tall\tx\tno\thalf-configured\n /etc/a b\n")
	var got []string
	err := New().Driver.(manager.Lister).List(t.Context(), h, func(p *manager.Content, name string) { got = append(got, fmt.Sprintf("%v %s", *p, name)) })
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"{bash amd64 bash true} /.", "{bash amd64 bash true} /bin/bash", "{a b all x false} /etc/a b"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestReadFind(t *testing.T) {
	h := hosttest.New(t, "-- var/lib/dpkg/status --\n"+statusText+`
Package: libc6
Status: install ok installed
Architecture: i386
Version: 2.36

Package: libc6
Status: install ok installed
Architecture: amd64
Version: 2.37
-- var/lib/dpkg/updates/0003 --
Package: half
Status: install ok installed
Architecture: amd64
Version: 2.1
`)
	db, err := New().Read(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, n := range []string{"libc6", "libc6:i386", "libc6:amd64", "old:amd64", "old:i386", "half", "none"} {
		got[n] = db.Find(n).Version
	}
	want := map[string]string{"libc6": "2.37", "libc6:i386": "2.36", "libc6:amd64": "2.37", "old:amd64": "1.0", "old:i386": "", "half": "2.1", "none": ""}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if owner, ok := db.Provider("smtpd"); !ok || owner.Name != "postfix" {
		t.Errorf("smtpd is provided by %q", owner.Name)
	}
	if db.Interrupted != "an earlier dpkg was interrupted" {
		t.Errorf("interrupted: %q", db.Interrupted)
	}
}

func TestParsePolicy(t *testing.T) {
	got := parsePolicy(`bash:
  Installed: 5.2.15-2+b8
  Candidate: 5.2.15-2+b13
  Version table:
     5.2.15-2+b13 500
        500 http://deb.example/debian bookworm/main amd64 Packages
        100 http://other.example/debian bookworm/main amd64 Packages
 *** 5.2.15-2+b8 100
        100 /var/lib/dpkg/status
     5.0 -10
        -10 http://deb.example/debian bullseye/main amd64 Packages
default-mta:
  Installed: (none)
  Candidate: (none)
  Version table:
foo:i386:
  Installed: (none)
  Candidate: 1
  Version table:
     1 500
        500 http://deb.example/debian bookworm/main i386 Packages
`)
	want := map[string]manager.Offer{
		"bash":        {Candidate: "5.2.15-2+b13", Versions: []string{"5.2.15-2+b13", "5.0"}},
		"default-mta": {},
		"foo:i386":    {Candidate: "1", Versions: []string{"1"}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestLocked(t *testing.T) {
	for name, tt := range map[string]struct {
		stderr string
		want   manager.Holder
		locked bool
	}{
		"apt":                {"E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 4711 (unattended-upgr)\nN: Be aware", manager.Holder{Lock: "/var/lib/dpkg/lock-frontend", PID: 4711, Name: "unattended-upgr"}, true},
		"apt without a name": {"E: Could not get lock /var/lib/apt/lists/lock - open (11: Resource temporarily unavailable)", manager.Holder{Lock: "/var/lib/apt/lists/lock"}, true},
		"dpkg":               {"dpkg: error: dpkg frontend lock was locked by another process with pid 12\nNote: removing", manager.Holder{Lock: "/var/lib/dpkg/lock-frontend", PID: 12}, true},
		"something else":     {"E: Unable to locate package lock", manager.Holder{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := locked(host.Output{Stderr: []byte(tt.stderr)})
			if d := cmp.Diff(tt.want, got); d != "" || ok != tt.locked {
				t.Errorf("locked %t: %s", ok, d)
			}
		})
	}
}

// TestWaitsForLock: the lock is tried once a second until the deadline, and the error names who holds it.
func TestWaitsForLock(t *testing.T) {
	h := hosttest.New(t, "-- proc/77/comm --\nholder\n")
	h.Handle("apt-mark hold", func(context.Context, host.Cmd) (host.Output, error) {
		return host.Output{ExitCode: 100, Stderr: []byte("dpkg: error: dpkg frontend lock was locked by another process with pid 77\n")}, nil
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeoutCause(t.Context(), 4500*time.Millisecond, errors.New("timed out after 4.5s"))
		defer cancel()
		err := New().Hold(ctx, &manager.Session{Host: h}, true, []string{"a"})
		want := "apt-mark hold: /var/lib/dpkg/lock-frontend is held by process 77 (holder): timed out after 4.5s"
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	})
	if got := len(h.Calls()); got != 5 {
		t.Errorf("%d tries in 4.5 s: %q", got, h.Calls())
	}
}
