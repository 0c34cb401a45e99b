package fleet_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// seen is what find says of a tree: modes, names, link targets.
func (s *site) seen(dir string) string {
	s.t.Helper()
	return s.sh("sh", "-c", `cd "$1" && find . -printf '%m %y %p %l\n' | sort -k3`, "seen", dir)
}

func (s *site) srv(node string) string { return filepath.Join(s.dir, "root-"+node, "srv") }

func TestPutAndGet(t *testing.T) {
	s := newSite(t, "n1", "n2", "n3", "gw", "b1")
	src := filepath.Join(s.dir, "tree")
	s.script(`mkdir -p ` + src + `/sub/empty && cd ` + src + ` && printf 'new\n' >a && head -c 3000000 /dev/urandom >sub/big && ln -s ../a sub/link &&
printf x >'sub/odd \ name' && chmod 4755 a && chmod 640 sub/big && chmod 750 sub && chmod 755 .`)
	want := s.seen(src)
	t.Run("a folder that is not there", func(t *testing.T) {
		s.want(s.run("fleet", "put", "-w", "n[1-3],b1", src, "/srv/copy"), 0, "", "4 of 4 ok: b1,n[1-3]")
		for _, n := range []string{"n1", "n2", "n3", "b1"} {
			if diff := cmp.Diff(want, s.seen(s.srv(n)+"/copy")); diff != "" {
				t.Errorf("%s: %s", n, diff)
			}
			s.sh("diff", "-r", src, s.srv(n)+"/copy")
		}
	})
	t.Run("a folder that is there", func(t *testing.T) {
		s.script("mkdir -p " + s.srv("n1") + "/tree/sub && cd " + s.srv("n1") + "/tree && echo old >a && echo kept >sub/other")
		s.want(s.run("fleet", "put", "-w", "n1", src, "/srv"), 0, "", "1 of 1 ok")
		s.sh("rm", s.srv("n1")+"/tree/sub/other")
		if diff := cmp.Diff(want, s.seen(s.srv("n1")+"/tree")); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("what a folder holds", func(t *testing.T) {
		s.want(s.run("fleet", "exec", "-w", "n3", "--", "mv /root/.cache /root/cache && touch /root/.cache"), 0, "", "")
		for _, to := range []string{"/srv/held", "/srv/held", "/srv/held/"} {
			r := s.run("fleet", "put", "-w", "n[1,3]", src+"/.", to)
			s.want(r, 0, "", "n3: no relay")
			s.want(r, 0, "", "2 of 2 ok")
			for _, n := range []string{"n1", "n3"} {
				if diff := cmp.Diff(want, s.seen(s.srv(n)+"/held")); diff != "" {
					t.Errorf("%s: %s: %s", n, to, diff)
				}
				s.sh("chmod", "701", s.srv(n)+"/held") // which is its own from now on
			}
			want = strings.Replace(want, "755 d . ", "701 d . ", 1)
		}
		want = s.seen(src)
		s.want(s.run("fleet", "exec", "-w", "n3", "--", "rm /root/.cache && mv /root/cache /root/.cache"), 0, "", "")
	})
	t.Run("a file", func(t *testing.T) {
		s.want(s.run("fleet", "put", "-w", "n1", filepath.Join(src, "a"), "/srv/renamed"), 0, "", "")
		s.want(s.run("fleet", "put", "-w", "n1", filepath.Join(src, "sub/big"), "/srv/renamed"), 0, "", "")
		s.sh("cmp", filepath.Join(src, "sub/big"), s.srv("n1")+"/renamed")
		s.want(s.run("fleet", "put", "-w", "n1", filepath.Join(src, "a"), filepath.Join(src, "sub/big"), "/srv/new"), 0, "", "")
		s.sh("cmp", filepath.Join(src, "sub/big"), s.srv("n1")+"/new/big")
	})
	t.Run("holes", func(t *testing.T) {
		sparse := filepath.Join(s.dir, "sparse")
		s.script("truncate -s 200M " + sparse + " && printf middle | dd of=" + sparse + " bs=1 seek=100000000 conv=notrunc 2>/dev/null")
		before := s.sent()
		s.want(s.run("fleet", "put", "-w", "n[1-3]", sparse, "/srv/sparse"), 0, "", "3 of 3 ok")
		if sent := s.sent() - before; sent > 10<<20 {
			t.Errorf("%d bytes left the seat for a file that is all holes", sent)
		}
		for _, n := range []string{"n1", "n2", "n3"} {
			s.sh("cmp", sparse, s.srv(n)+"/sparse")
			if blocks := strings.TrimSpace(s.sh("stat", "-c", "%b", s.srv(n)+"/sparse")); len(blocks) > 4 {
				t.Errorf("%s: it takes %s blocks", n, blocks)
			}
		}
	})
	t.Run("refused", func(t *testing.T) {
		s.want(s.run("fleet", "put", "-w", "n[1-2]", filepath.Join(src, "a"), "/proc/none/a"), 4, "", "n[1-2]: failed: ")
		s.want(s.run("fleet", "put", "-w", "n1", filepath.Join(s.dir, "none"), "/srv/x"), 1, "", "no such file")
	})
	t.Run("no space", func(t *testing.T) {
		s.want(s.run("fleet", "exec", "-w", "n2", "--", "mkdir /srv/small && mount -t tmpfs -o size=1m tmpfs /srv/small && echo old >/srv/small/f"), 0, "", "")
		s.want(s.run("fleet", "put", "-w", "n2", filepath.Join(src, "sub/big"), "/srv/small/f"), 4, "", "no space left on device")
		s.want(s.run("fleet", "exec", "-w", "n2", "--", "cat /srv/small/f; ls -A /srv/small; umount /srv/small"), 0, "n2: old\nn2: f\n", "")
	})
	t.Run("by a connector", func(t *testing.T) {
		s.want(s.run("fleet", "put", "-w", "here", "--connector", `sh -c 'exec sh -c "$2"' connector`, src, filepath.Join(s.dir, "here")), 0, "", "1 of 1 ok: here")
		if diff := cmp.Diff(want, s.seen(filepath.Join(s.dir, "here"))); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("get", func(t *testing.T) {
		s.want(s.run("fleet", "get", "-w", "n[1-2],b1", "/srv/copy", "got"), 0, "", "3 of 3 ok")
		for _, n := range []string{"n1", "n2", "b1"} {
			if diff := cmp.Diff(want, s.seen(filepath.Join(s.dir, "got", n, "copy"))); diff != "" {
				t.Errorf("%s: %s", n, diff)
			}
		}
		s.script("mkdir " + s.dir + "/small && mount -t tmpfs -o size=1m tmpfs " + s.dir + "/small")
		s.want(s.run("fleet", "get", "-w", "n[1-2],b1", "/srv/copy/sub/big", "small"), 4, "", "b1,n[1-2]: failed: big: no space left on device\n0 of 3 ok")
		s.script("ls -A " + s.dir + "/small | wc -l | grep -x 0 && umount " + s.dir + "/small")
		s.script("rm " + s.srv("n2") + "/copy/a; ln -s copy " + s.srv("n1") + "/link")
		r := s.run("fleet", "get", "-w", "n[1-3]", "/srv/copy/a", "got")
		s.want(r, 4, "", "n2: failed: /srv/copy/a: no such file or folder")
		s.sh("cmp", filepath.Join(src, "a"), filepath.Join(s.dir, "got/n3/a"))
		s.want(s.run("fleet", "get", "-w", "n2", "/srv/copy", "got"), 0, "", "")
		if _, err := os.Lstat(filepath.Join(s.dir, "got/n2/copy/a")); err == nil {
			t.Error("a file that is gone on the node is still there")
		}
		s.want(s.run("fleet", "get", "-w", "n1", "/srv/link", "got"), 0, "", "")
		s.sh("diff", "-r", src, filepath.Join(s.dir, "got/n1/link"))
	})
	t.Run("nothing is left", func(t *testing.T) {
		for _, dir := range []string{s.srv("n1"), s.srv("n2"), filepath.Join(s.dir, "got")} {
			if left := s.sh("find", dir, "-name", ".apply-*"); left != "" {
				t.Errorf("left behind: %s", left)
			}
		}
	})
	t.Run("power cut", func(t *testing.T) { s.cutPut(t) })
}

// cutPut cuts a node's power while a file is coming: the old file is there, whole.
func (s *site) cutPut(t *testing.T) {
	s.write("root-n3/srv/f", "old\n")
	cmd := s.command("fleet", "put", "-w", "n[1,3]", filepath.Join(s.dir, "stream"), "/srv/f")
	s.sh("sh", "-c", "head -c 400000000 /dev/zero >"+filepath.Join(s.dir, "stream"))
	must(t, cmd.Start())
	s.awaitSpool("n3", 1<<20)
	s.kill("n3")
	cmd.Wait()
	if got := cmd.ProcessState.ExitCode(); got != 4 {
		t.Errorf("want 4, got %d", got)
	}
	if got, err := os.ReadFile(s.srv("n3") + "/f"); err != nil || string(got) != "old\n" {
		t.Errorf("the old file is not there: %.20q, %v", got, err)
	}
	s.sh("cmp", filepath.Join(s.dir, "stream"), s.srv("n1")+"/f")
}

// awaitSpool waits until a node has got so many bytes of what is brought to it, in a file that has no name yet.
func (s *site) awaitSpool(node string, size int64) {
	s.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		for _, pid := range s.relays(node) {
			files, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
			must(s.t, err)
			for _, f := range files {
				link, err := os.Readlink(f)
				if err != nil || !strings.HasSuffix(link, " (deleted)") {
					continue
				}
				if info, err := os.Stat(f); err == nil && info.Mode().IsRegular() && info.Sys().(*syscall.Stat_t).Blocks*512 >= size { // its size it has from the start
					return
				}
			}
		}
	}
	s.t.Fatalf("%s gets nothing", node)
}
