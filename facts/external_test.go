package facts

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
)

func TestFilesRefused(t *testing.T) {
	h := hosttest.New(t, `
-- etc/apply/facts.d/00-good.txt --
good=yes
-- etc/apply/facts.d/a.json --
{"a": 1, "a": 2}
-- etc/apply/facts.d/b.json| --
-- etc/apply/facts.d/c.yaml --
c: [1
-- etc/apply/facts.d/d.txt --
Good Name=1
d=here
-- etc/apply/facts.d/e.json --
{"e": 1, "E": 2}
-- etc/apply/facts.d/f.txt -> /nowhere --
-- etc/apply/facts.d/g --
readme
-- etc/apply/facts.d/.hidden.json --
nonsense
-- etc/apply/facts.d/h.json~ --
nonsense
-- etc/apply/facts.d/h.json.dpkg-old --
nonsense
-- etc/apply/facts.d/i.d/ --
-- etc/apply/facts.d/j.txt -> ../more.txt --
-- etc/apply/more.txt --
linked=1
-- srv/file --
`, hosttest.RealCommands)
	s := New(h, Options{Folders: []string{"/srv/file", "/srv/none"}})
	for name, want := range map[string]any{"good": "yes", "d": "here", "linked": "1"} {
		if v, ok, err := s.Lookup(t.Context(), name); v != want || !ok || err != nil {
			t.Errorf("%s: %v, ok %v, error %v", name, v, ok, err)
		}
	}
	want := []string{
		`/etc/apply/facts.d/a.json: "a" is there twice`,
		"/etc/apply/facts.d/b.json: is a fifo, not a file",
		"/etc/apply/facts.d/c.yaml: ",
		`/etc/apply/facts.d/d.txt: "good name" is no name of a fact: want lower case letters, digits and _ after a letter`,
		`/etc/apply/facts.d/e.json: "e" is there twice`,
		"/etc/apply/facts.d/f.txt: a link that leads nowhere",
		"/etc/apply/facts.d/g: ignored: neither .json, .yaml or .txt nor executable",
		"/srv/file: is a file, not a folder",
		"/srv/none: no such folder",
	}
	got := s.Warnings()
	if i := slices.IndexFunc(got, func(w string) bool { return strings.HasPrefix(w, want[2]) }); i >= 0 {
		got[i] = want[2] // the rest is the library's
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	_, ok, err := s.Lookup(t.Context(), "a")
	if ok || err == nil || !strings.Contains(err.Error(), want[0]) {
		t.Errorf("a fact that may be in a file that could not be read: ok %v, error %v", ok, err)
	}
}

// A folder that was asked for is told by the name that it was asked for by.
func TestFolderIsALinkToNowhere(t *testing.T) {
	s := New(hosttest.New(t, "-- srv/facts -> /nowhere --\n"), Options{Folders: []string{"/srv/facts"}})
	_, ok, err := s.Lookup(t.Context(), "a")
	if want := "/srv/facts: no such folder"; ok || err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("ok %v, error %v, want %s", ok, err, want)
	}
}

func TestExecutables(t *testing.T) {
	h := hosttest.New(t, `
-- etc/apply/facts.d/a-json 0755 --
#!/bin/sh
echo '{"json": {"n": 1}, "env": "'"$FACTS_TEST_LEAK"'"}'
-- etc/apply/facts.d/b-yaml.sh 0755 --
#!/bin/sh
printf 'octal: 010\nlist: [a]\n'
-- etc/apply/facts.d/c-text.py 0755 --
#!/bin/sh
echo text=a b
-- etc/apply/facts.d/d-fails 0755 --
#!/bin/sh
echo fails=no
echo first >&2
echo 'it is broken' >&2
exit 3
-- etc/apply/facts.d/e-floods 0755 --
#!/bin/sh
head -c 3000000 /dev/zero
-- etc/apply/facts.d/e-says-a-lot 0755 --
#!/bin/sh
head -c 100000 /dev/zero | tr '\0' x >&2
exit 1
-- etc/apply/facts.d/f-silent 0755 --
#!/bin/sh
-- etc/apply/facts.d/g-data.txt 0755 --
data=not run
-- etc/apply/facts.d/h-elsewhere 0755 --
#!/nowhere/sh
-- etc/apply/facts.d/i-readme 0755 --
read me
`, hosttest.RealCommands)
	t.Setenv("FACTS_TEST_LEAK", "leaked")
	s := New(realPaths{h}, Options{})
	for name, want := range map[string]any{
		"json": map[string]any{"n": int64(1)}, "env": "", "octal": int64(10), "list": []any{"a"}, "text": "a b", "data": "not run",
	} {
		v, ok, err := s.Lookup(t.Context(), name)
		if !ok || err != nil {
			t.Errorf("%s: ok %v, error %v", name, ok, err)
		}
		if d := cmp.Diff(want, v); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	v, ok, err := s.Lookup(t.Context(), "fails")
	if ok {
		t.Errorf("a fact of an executable that failed: %v", v)
	}
	if err == nil || !strings.Contains(err.Error(), "d-fails: ") || !strings.HasSuffix(err.Error(), "; and 2 more") {
		t.Errorf("why it is not known: %v", err)
	}
	want := []string{
		"/etc/apply/facts.d/d-fails: exit code 3: it is broken",
		"/etc/apply/facts.d/e-floods: more output than the limit of 1048576 bytes",
		"/etc/apply/facts.d/e-says-a-lot: exit code 1: " + strings.Repeat("x", 287) + "...",
		"/etc/apply/facts.d/h-elsewhere: the program that its first line names is not there",
		"/etc/apply/facts.d/i-readme: is no program: no #! begins its first line",
	}
	if d := cmp.Diff(want, s.Warnings()); d != "" {
		t.Error(d)
	}
}

// realPaths runs the executables of the tree by the names that they have on this machine.
type realPaths struct{ *hosttest.Host }

func (r realPaths) Query(ctx context.Context, c host.Cmd) (host.Output, error) {
	c.Args = append([]string{r.Path(c.Args[0])}, c.Args[1:]...)
	return r.Host.Query(ctx, c)
}

func TestUntrustedExecutablesAreNotRun(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("files of other users are left out: making them needs root")
	}
	for _, tt := range []struct{ name, tree, want string }{
		{"somebody else's", "-- etc/apply/facts.d/x 0755 nobody:root --\n", "/etc/apply/facts.d/x is owned by user 65534, want root or the user that runs this"},
		{"others can write it", "-- etc/apply/facts.d/x 0757 --\n", "others can write /etc/apply/facts.d/x (mode 0757)"},
		{"its group can write it", "-- etc/apply/facts.d/x 0775 --\n", "others can write /etc/apply/facts.d/x (mode 0775)"},
		{"others can replace it", "-- etc/apply/facts.d/ 0777 --\n-- etc/apply/facts.d/x 0755 --\n", "others can write /etc/apply/facts.d (mode 0777)"},
		{"others can replace its folder", "-- etc/apply/ 0777 --\n-- etc/apply/facts.d/x 0755 --\n", "others can write /etc/apply (mode 0777)"},
		{"somebody else's folder", "-- etc/apply/facts.d/ 0755 nobody:root --\n-- etc/apply/facts.d/x 0755 --\n", "/etc/apply/facts.d is owned by user 65534, want root or the user that runs this"},
		{"a link to somebody else's", "-- etc/apply/facts.d/x -> /srv/x --\n-- srv/x 0755 nobody:root --\n", "/srv/x is owned by user 65534, want root or the user that runs this"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := New(hosttest.New(t, tt.tree), Options{}) // a command that is not in its table fails the test
			_, ok, _ := s.Lookup(t.Context(), "x")
			if d := cmp.Diff([]string{"/etc/apply/facts.d/x: not run: " + tt.want}, s.Warnings()); ok || d != "" {
				t.Errorf("ok %v, %s", ok, d)
			}
		})
	}
	t.Run("a folder with the sticky bit", func(t *testing.T) {
		h := hosttest.New(t, "-- etc/apply/facts.d/ 1777 --\n-- etc/apply/facts.d/x 0755 --\n")
		h.Answer("x", 0, "x=1")
		if v, ok, err := New(h, Options{}).Lookup(t.Context(), "x"); v != "1" || !ok || err != nil {
			t.Errorf("%v, ok %v, error %v", v, ok, err)
		}
	})
}

func TestHungExecutableLosesItsFactsOnly(t *testing.T) {
	h := hosttest.New(t, "-- etc/apply/facts.d/a.txt --\na=1\n-- etc/apply/facts.d/hung 0755 --\n")
	synctest.Test(t, func(t *testing.T) {
		h.Handle("hung", func(ctx context.Context, _ host.Cmd) (host.Output, error) {
			<-ctx.Done()
			<-time.After(5 * time.Second) // as it takes to kill what does not end when asked
			return host.Output{ExitCode: 137}, fmt.Errorf("hung: %w", context.Cause(ctx))
		})
		begin := time.Now()
		s := New(h, Options{})
		if v, ok, err := s.Lookup(t.Context(), "a"); v != "1" || !ok || err != nil {
			t.Errorf("a: %v, ok %v, error %v", v, ok, err)
		}
		_, _, err := s.Lookup(t.Context(), "b")
		if want := "unknown, unless it is in what could not be read: /etc/apply/facts.d/hung: timed out after 10s"; err == nil || err.Error() != want {
			t.Errorf("got error %v, want %s", err, want)
		}
		if d := time.Since(begin); d != 15*time.Second {
			t.Errorf("took %s, want the deadline and the end of the processes", d)
		}
	})
}
