package local_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
)

func TestHostileFolders(t *testing.T) {
	needsRoot(t, "folders of other users")
	const tree = `-- etc/passwd --
root:x:0:0::/root:/bin/sh
nobody:x:65534:65534::/:/bin/sh
-- etc/group --
root:x:0:
daemon:x:1:
nobody:x:65534:
-- secret/ 0755 --
-- secret/f 0600 --
mine
-- bob/ 0755 nobody:nobody --
-- bob/link -> /secret nobody:nobody --
-- bob/rootlink -> /secret --
-- bob/flink -> /secret/f nobody:nobody --
-- tmp/ 1777 --
-- tmp/link -> /secret --
-- team/ 0775 root:daemon --
-- team/link -> /secret --
-- safe/ 0755 --
-- safe/link -> /secret --
-- safe/boblink -> /secret nobody:nobody --
-- own/ 0755 nobody:nobody --
-- own/d/ 0755 --
-- own/d/link -> /secret --
`
	type operation struct {
		name string
		do   func(h host.Host, name string) error
	}
	write := func(h host.Host, name string) error { return h.WriteFile(t.Context(), name, content("x\n")) }
	meta := func(h host.Host, name string) error { return h.SetMeta(t.Context(), name, host.Meta{UID: ptr(1)}) }
	mode := func(h host.Host, name string) error { return h.SetMeta(t.Context(), name, host.Meta{Mode: ptr(0o777)}) }
	open := func(h host.Host, name string) error {
		f, err := h.Open(name)
		if err == nil {
			_ = f.Close()
		}
		return err
	}
	stat := func(h host.Host, name string) error { _, err := h.Lstat(name); return err }
	mkdir := func(h host.Host, name string) error { return h.Mkdir(t.Context(), name, host.Meta{}) }
	remove := func(h host.Host, name string) error { return h.Remove(t.Context(), name, true) }
	resolve := func(h host.Host, name string) error {
		_, _, err := host.Resolve(h, name)
		return err
	}
	through := []operation{{"write", write}, {"meta", meta}, {"open", open}, {"stat", stat}, {"mkdir", mkdir}, {"remove", remove}}
	for _, c := range []struct {
		name string
		ops  []operation
		want string // "": it is done
	}{
		{"/bob/link/f", through, "/bob/link: refused: a link that its owner may have planted (owner nobody)"},
		{"/bob/rootlink/f", through, "/bob/rootlink: refused: a link in a folder that others can write (owner nobody)"},
		{"/tmp/link/f", through, "/tmp/link: refused: a link in a folder that others can write (owner root)"},
		{"/team/link/f", through, "/team/link: refused: a link in a folder that others can write (owner root)"},
		{"/safe/boblink/f", through, "/safe/boblink: refused: a link that its owner may have planted (owner nobody)"},
		{"/bob/flink", []operation{{"write", write}, {"mode", mode}, {"resolve", resolve}}, "/bob/flink: refused: a link that its owner may have planted (owner nobody)"},
		{"/tmp/link", []operation{{"write", write}, {"mode", mode}, {"resolve", resolve}}, "/tmp/link: refused: a link in a folder that others can write (owner root)"},
		{"/bob/hard", []operation{{"write", write}, {"meta", meta}, {"open", open}},
			"/bob/hard: refused: a file with further hard links in a folder that others can write (owner nobody)"},
		{"/safe/link/f", []operation{{"stat", stat}, {"open", open}, {"write", write}, {"meta", meta}, {"remove", remove}}, ""},
		{"/own/d/link/f", []operation{{"stat", stat}, {"write", write}}, ""},
		{"/bob/new", []operation{{"write", write}, {"meta", meta}, {"remove", remove}, {"mkdir", mkdir}}, ""},
		{"/bob/link", []operation{{"stat", stat}, {"remove", remove}}, ""},
		{"/bob/hard", []operation{{"stat", stat}, {"remove", remove}}, ""},
	} {
		t.Run(strings.ReplaceAll(c.name[1:], "/", "-"), func(t *testing.T) {
			h := hosttest.New(t, tree)
			if err := os.Link(h.Path("secret/f"), h.Path("bob/hard")); err != nil {
				t.Fatal(err)
			}
			if c.name == "/safe/link/f" || c.name == "/own/d/link/f" {
				if err := os.Remove(h.Path("bob/hard")); err != nil {
					t.Fatal(err)
				}
			}
			for _, op := range c.ops {
				err := op.do(h, c.name)
				if c.want == "" && err != nil || c.want != "" && (err == nil || err.Error() != c.want) {
					t.Errorf("%s: want %q, got %v", op.name, c.want, err)
				}
			}
			if c.want == "" {
				return
			}
			st, err := h.Lstat("/secret/f")
			if err != nil || st.Mode != 0o600 || st.UID != 0 || h.Content("/secret/f") != "mine\n" {
				t.Errorf("the file behind was changed: %+v, %v", st, err)
			}
		})
	}
}

// attack swaps the folder d of bob, again and again, for a link to a folder of root, until the function that it returns is called.
func attack(t *testing.T, h *hosttest.Host) (stop func()) {
	t.Helper()
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			if err := unix.Renameat2(unix.AT_FDCWD, h.Path("bob/d"), unix.AT_FDCWD, h.Path("bob/trap"), unix.RENAME_EXCHANGE); err != nil {
				t.Error(err)
				return
			}
		}
	})
	return sync.OnceFunc(func() { close(done); wg.Wait() })
}

// secretIsSafe says whether what the trap leads to is as it was.
func secretIsSafe(t *testing.T, h *hosttest.Host) bool {
	t.Helper()
	names, err := filepath.Glob(h.Path("secret/*"))
	if err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Stat(h.Path("secret/f"), &st); err != nil {
		return false
	}
	return st.Uid == 0 && st.Mode&0o7777 == 0o600 && h.Content("/secret/f") == "mine\n" && len(names) == 1
}

func TestRacingAttacker(t *testing.T) {
	needsRoot(t, "folders of other users")
	const tree = "-- secret/ 0755 --\n-- secret/f 0600 --\nmine\n-- bob/ 0755 nobody:nobody --\n-- bob/d/ 0755 nobody:nobody --\n" +
		"-- bob/d/f nobody:nobody --\nhis\n-- bob/trap -> ../secret nobody:nobody --\n"
	t.Run("who looks first and acts by name is caught", func(t *testing.T) {
		h := hosttest.New(t, tree)
		stop := attack(t, h)
		defer stop()
		for range 1_000_000 {
			if st, err := os.Lstat(h.Path("bob/d")); err == nil && st.IsDir() {
				_ = os.Chown(h.Path("bob/d/f"), 1, 1)
			}
			if !secretIsSafe(t, h) {
				return
			}
		}
		t.Error("the attacker never won: the attack is none")
	})
	for name, do := range map[string]func(ctx context.Context, h host.Host) error{
		"write": func(ctx context.Context, h host.Host) error {
			return h.WriteFile(ctx, "/bob/d/f", host.NewFile{Content: strings.NewReader("x"), Meta: host.Meta{UID: ptr(1), Mode: ptr(0o666)}})
		},
		"meta": func(ctx context.Context, h host.Host) error {
			return h.SetMeta(ctx, "/bob/d/f", host.Meta{UID: ptr(1), Mode: ptr(0o666)})
		},
		"folder": func(ctx context.Context, h host.Host) error { return h.SetMeta(ctx, "/bob/d", host.Meta{UID: ptr(1)}) },
		"mkdir": func(ctx context.Context, h host.Host) error {
			_ = h.Remove(ctx, "/bob/d/new", true)
			return h.Mkdir(ctx, "/bob/d/new", host.Meta{UID: ptr(1)})
		},
		"symlink": func(ctx context.Context, h host.Host) error { return h.Symlink(ctx, "/", "/bob/d/l") },
		"remove":  func(ctx context.Context, h host.Host) error { return h.Remove(ctx, "/bob/d/f", true) },
	} {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, tree)
			stop := attack(t, h)
			defer stop()
			done := 0
			for n := 0; n < 300 || done == 0 && n < 100_000; n++ { // on a busy machine 300 pass between two of the attacker's swaps
				if err := do(t.Context(), h); err == nil {
					done++
				}
			}
			stop()
			if !secretIsSafe(t, h) {
				t.Error("the attacker won")
			}
			if st, _ := h.Lstat("/secret"); st.UID != 0 {
				t.Error("the attacker got the folder")
			}
			if done == 0 {
				t.Error("nothing was ever done: nothing was tested")
			}
		})
	}
}
