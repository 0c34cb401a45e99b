package local_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
)

func TestWriteFile(t *testing.T) {
	long := strings.Repeat("n", 250)
	for name, c := range map[string]struct {
		tree string
		name string
		file host.NewFile
		want string
	}{
		"new":              {"", "/a", content("x\n"), "-- a 0644 root:root --\nx\n"},
		"new with a mode":  {"", "/a", host.NewFile{Content: strings.NewReader("x\n"), Meta: host.Meta{Mode: ptr(0o4711)}}, "-- a 4711 root:root --\nx\n"},
		"keeps the mode":   {"-- a 0600 --\nold\n", "/a", content("x\n"), "-- a 0600 root:root --\nx\n"},
		"keeps setuid":     {"-- a 4755 --\nold\n", "/a", content("x\n"), "-- a 4755 root:root --\nx\n"},
		"replaces a link":  {"-- a -> b --\n-- b --\nb\n", "/a", content("x\n"), "-- a 0644 root:root --\nx\n-- b 0644 root:root --\nb\n"},
		"replaces a pipe":  {"-- a| --\n", "/a", content("x\n"), "-- a 0644 root:root --\nx\n"},
		"through own link": {"-- d/ --\n-- l -> d --\n", "/l/a", content("x\n"), "-- d/ 0755 root:root --\n-- d/a 0644 root:root --\nx\n-- l -> d root:root --\n"},
		"through a link up": {"-- d/e/ --\n-- d/l -> ../../../f --\n-- f/ --\n", "/d/l/a", content("x\n"),
			"-- d/ 0755 root:root --\n-- d/e/ 0755 root:root --\n-- d/l -> ../../../f root:root --\n-- f/ 0755 root:root --\n-- f/a 0644 root:root --\nx\n"},
		"a long name":   {"", "/" + long, content("x\n"), "-- " + long + " 0644 root:root --\nx\n"},
		"a wild name":   {"", "/a\n\xff b", content("x\n"), "-- \"a\\n\\xff b\" 0644 root:root --\nx\n"},
		"nothing in it": {"", "/a", content(""), "-- a 0644 root:root --\n"},
	} {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, c.tree)
			if err := h.WriteFile(t.Context(), c.name, c.file); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, h.Snapshot()); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestWriteFileRefuses(t *testing.T) {
	invalid := content("x\n")
	invalid.Validate = func(context.Context, string) error { return errors.New("line 1: nonsense") }
	for name, c := range map[string]struct {
		tree string
		name string
		file host.NewFile
		want string
	}{
		"a folder":              {"-- a/ --\n", "/a", content("x"), "write: /a is a directory, not a file"},
		"no parent":             {"", "/a/b", content("x"), "write: no such file or directory"},
		"a file for a parent":   {"-- a --\n", "/a/b", content("x"), "write: not a directory"},
		"a relative name":       {"", "a", content("x"), `write: "a": not an absolute name`},
		"a loop":                {"-- a -> b --\n-- b -> a --\n", "/a/x", content("x"), "write: too many levels of symbolic links"},
		"what is invalid":       {"-- a --\nold\n", "/a", invalid, "validate: line 1: nonsense; old content kept"},
		"what is invalid, anew": {"", "/a", invalid, "validate: line 1: nonsense"},
		"a source that breaks":  {"-- a --\nold\n", "/a", host.NewFile{Content: io.MultiReader(strings.NewReader("new"), broken{})}, "write: input/output error; old content kept"},
	} {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, c.tree)
			before, stamps := h.Snapshot(), h.Stamps()
			err := h.WriteFile(t.Context(), c.name, c.file)
			if err == nil || err.Error() != c.want {
				t.Errorf("want %q, got %v", c.want, err)
			}
			if diff := cmp.Diff(before, h.Snapshot()); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			for _, n := range []string{"/a"} {
				if diff := cmp.Diff(stamps[n], h.Stamps()[n]); diff != "" && stamps[n] != "" && !strings.HasSuffix(c.tree, "/") {
					t.Errorf("%s was touched: -want +got\n%s", n, diff)
				}
			}
		})
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, unix.EIO }

func TestWriteFileEndsWithItsContext(t *testing.T) {
	h := hosttest.New(t, "-- a --\nold\n")
	ctx, cancel := context.WithCancelCause(t.Context())
	endless := readerFunc(func(p []byte) (int, error) {
		cancel(errors.New("interrupted"))
		return len(p), nil
	})
	err := h.WriteFile(ctx, "/a", host.NewFile{Content: endless})
	if want := "write: interrupted; old content kept"; err == nil || err.Error() != want {
		t.Errorf("want %q, got %v", want, err)
	}
	if diff := cmp.Diff("-- a 0644 root:root --\nold\n", h.Snapshot()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestValidateSeesTheFinishedFile(t *testing.T) {
	h := hosttest.New(t, "-- d/ --\n")
	var seen string
	f := host.NewFile{Content: strings.NewReader("x\n"), Meta: host.Meta{Mode: ptr(0o640)}}
	f.Validate = func(_ context.Context, name string) error {
		st, err := h.Lstat(name)
		if err != nil || st.Mode != 0o640 {
			t.Errorf("want mode 640, got %o, %v", st.Mode, err)
		}
		seen = read(t, h, name)
		return nil
	}
	if err := h.WriteFile(t.Context(), "/d/a", f); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("x\n", seen); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestHardLinksKeepTheOldFile(t *testing.T) {
	h := hosttest.New(t, "-- a --\nold\n")
	if err := os.Link(h.Path("a"), h.Path("b")); err != nil {
		t.Fatal(err)
	}
	if err := h.WriteFile(t.Context(), "/a", content("new\n")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("-- a 0644 root:root --\nnew\n-- b 0644 root:root --\nold\n", h.Snapshot()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// Setuid of somebody's own program must not become setuid of another user.
func TestOthersSetuidIsNotTakenOver(t *testing.T) {
	needsRoot(t, "files of other users")
	const tree = "-- bob/ 0755 nobody:nobody --\n-- bob/f 6755 nobody:nobody --\nhis\n"
	write := func(m host.Meta) func(h host.Host) error {
		return func(h host.Host) error {
			return h.WriteFile(t.Context(), "/bob/f", host.NewFile{Content: strings.NewReader("x\n"), Meta: m})
		}
	}
	set := func(m host.Meta) func(h host.Host) error {
		return func(h host.Host) error { return h.SetMeta(t.Context(), "/bob/f", m) }
	}
	for name, c := range map[string]struct {
		do   func(h host.Host) error
		want string
	}{
		"owner":             {set(host.Meta{UID: ptr(0)}), "0755 root:nobody --\nhis\n"},
		"group":             {set(host.Meta{GID: ptr(0)}), "0755 nobody:root --\nhis\n"},
		"content, owner":    {write(host.Meta{UID: ptr(0)}), "0755 root:nobody --\nx\n"},
		"content, group":    {write(host.Meta{GID: ptr(0)}), "0755 nobody:root --\nx\n"},
		"content":           {write(host.Meta{}), "6755 nobody:nobody --\nx\n"},
		"the owner he is":   {write(host.Meta{UID: ptr(65534)}), "6755 nobody:nobody --\nx\n"},
		"a mode that is so": {set(host.Meta{UID: ptr(0), Mode: ptr(0o4711)}), "4711 root:nobody --\nhis\n"},
	} {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, tree)
			if err := c.do(h); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff("-- bob/ 0755 nobody:nobody --\n-- bob/f "+c.want, h.Snapshot()); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// What was made from one file's content is not put in the place of another file, whose mode would let others see it.
func TestWriteFileWhatItWas(t *testing.T) {
	for name, change := range map[string]func(h *hosttest.Host) error{
		"": func(*hosttest.Host) error { return nil },
		"exchanged": func(h *hosttest.Host) error {
			return unix.Renameat2(unix.AT_FDCWD, h.Path("/a"), unix.AT_FDCWD, h.Path("/b"), unix.RENAME_EXCHANGE)
		},
		"gone":         func(h *hosttest.Host) error { return os.Remove(h.Path("/a")) },
		"another mode": func(h *hosttest.Host) error { return os.Chmod(h.Path("/a"), 0o644) },
		"a link in its": func(h *hosttest.Host) error {
			return errors.Join(os.Remove(h.Path("/a")), os.Symlink("b", h.Path("/a")))
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, "-- a 0600 --\nsecret\n-- b 0644 --\nfor all\n")
			read, was, err := host.ReadRegular(h, "/a")
			if err != nil || read != "secret\n" {
				t.Fatalf("read %q, %v", read, err)
			}
			if err := change(h); err != nil {
				t.Fatal(err)
			}
			f := content("more\n")
			f.Was = &was
			err = h.WriteFile(t.Context(), "/a", f)
			want := "write: /a: somebody replaced it meanwhile"
			if name == "" && err != nil || name != "" && (err == nil || err.Error() != want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// Nor is it put in the place of one that came while the new file was made.
func TestWriteFileWhatItWasUntilTheEnd(t *testing.T) {
	h := hosttest.New(t, "-- a 0600 --\nold\n")
	_, was, err := host.ReadRegular(h, "/a")
	if err != nil {
		t.Fatal(err)
	}
	f := content("mine\n")
	f.Was = &was
	f.Validate = func(ctx context.Context, _ string) error { return h.WriteFile(ctx, "/a", content("another's\n")) }
	if err := h.WriteFile(t.Context(), "/a", f); !errors.Is(err, host.ErrReplaced) || h.Content("/a") != "another's\n" {
		t.Errorf("got %v, and %q", err, h.Content("/a"))
	}
}

// TestAnnounce: whoever is told of a write before sees what was there and no other name beside it, whether the new file has one by then or not; and can refuse.
func TestAnnounce(t *testing.T) {
	refused := errors.New("refused")
	for _, tt := range []struct {
		name     string
		tree     string
		validate bool
		mounted  bool // b is what is seen at the name
		refuse   error
		absent   bool
		want     string // at the name afterwards
		wantErr  string
	}{
		{"nothing there", "-- d/ --\n", false, false, nil, true, "new", ""},
		{"nothing there, refused", "-- d/ --\n", false, false, refused, true, "", "refused"},
		{"replaced", "-- d/a --\nold\n", false, false, nil, false, "new", ""},
		{"replaced, refused", "-- d/a --\nold\n", false, false, refused, false, "old\n", "refused"},
		{"judged", "-- d/a --\nold\n", true, false, nil, false, "new", ""},
		{"judged, refused", "-- d/a --\nold\n", true, false, refused, false, "old\n", "refused"},
		{"mounted, and written in place", "-- d/a --\nbelow\n-- b --\nold\n", false, true, nil, false, "new", ""},
		{"mounted, refused", "-- d/a --\nbelow\n-- b --\nold\n", false, true, refused, false, "old\n", "refused"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := hosttest.New(t, tt.tree)
			if tt.mounted {
				needsRoot(t, "a bind mount")
				mount(t, h.Path("b"), h.Path("d/a"), "", unix.MS_BIND, "")
			}
			before, err := os.ReadDir(h.Path("/d"))
			must(t, err)
			told := 0
			f := content("new")
			if tt.validate {
				f.Validate = func(context.Context, string) error {
					if told == 0 {
						t.Error("a name was given before it was told")
					}
					return nil
				}
			}
			f.Announce = func(_ context.Context, absent bool) error {
				told++
				now, err := os.ReadDir(h.Path("/d"))
				must(t, err)
				if len(now) != len(before) || absent != tt.absent || !absent && h.Content("/d/a") != "old\n" {
					t.Errorf("it is told late: absent %v, %v", absent, now)
				}
				return tt.refuse
			}
			err = h.WriteFile(t.Context(), "/d/a", f)
			if got := fmt.Sprint(err); err == nil && tt.wantErr != "" || err != nil && got != tt.wantErr {
				t.Errorf("want %q, got %q", tt.wantErr, got)
			}
			if told != 1 {
				t.Errorf("told %d times", told)
			}
			names, err := os.ReadDir(h.Path("/d"))
			must(t, err)
			if tt.want == "" && len(names) != 0 || tt.want != "" && (len(names) != 1 || h.Content("/d/a") != tt.want) {
				t.Errorf("want %q, got %v", tt.want, names)
			}
		})
	}
}

// TestWriteFileMadeMeanwhile: what somebody else puts where nothing was is not replaced, as nobody has kept it.
func TestWriteFileMadeMeanwhile(t *testing.T) {
	for _, judged := range []bool{false, true} {
		t.Run(fmt.Sprintf("judged %v", judged), func(t *testing.T) {
			h := hosttest.New(t, "-- d/ --\n")
			f := content("new")
			if judged {
				f.Validate = func(context.Context, string) error { return nil }
			}
			f.Announce = func(context.Context, bool) error { return os.WriteFile(h.Path("/d/a"), []byte("theirs"), 0o600) }
			err := h.WriteFile(t.Context(), "/d/a", f)
			if want := "write: /d/a: somebody made it meanwhile"; fmt.Sprint(err) != want {
				t.Errorf("want %q, got %v", want, err)
			}
			names, err := os.ReadDir(h.Path("/d"))
			must(t, err)
			if len(names) != 1 || h.Content("/d/a") != "theirs" {
				t.Errorf("it is %q among %v", h.Content("/d/a"), names)
			}
		})
	}
}
