//go:build linux && amd64

package fault

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/nodeapply/apply/e2e/fault/ptrace"
)

// scene is a folder, and a program that brings it to another state.
type scene struct {
	name string
	// before lists what is there: a name with "/" at its end is a folder, "name -> target" a link.
	before []entry
	// manifest is what apply is given, with DIR for the folder; "": a control is run.
	manifest string
	control  string
	// refresh is the command that is owed when something has changed, as a shell line in the folder; it appends to the file log.
	refresh string
	fstab   bool     // /etc/fstab is among the targets
	mounted []string // folders with a file system of 1 MiB mounted there
	parts   bool     // files are changed by several resources: there is more than old and new
}

type entry struct {
	name, content string
	mode          os.FileMode
}

const (
	oldFstab = "# the disks of this node\nproc /proc proc defaults 0 0\n"
	oldConf  = "the old configuration\n"
)

// small is what the controls do too.
var small = scene{
	name:    "small",
	before:  []entry{{"conf", oldConf, 0o600}},
	refresh: "cat conf secret",
	manifest: `
file "DIR/conf" {
  content = "new configuration\n"
  mode    = "0640"
  notify  = [exec.refresh]
}
file "DIR/secret" {
  content = "s3cret\n"
  mode    = "0600"
  notify  = [exec.refresh]
}
exec "refresh" {
  command     = "cat conf secret >> log"
  cwd         = "DIR"
  refreshonly = true
}
`,
}

// large has every change of files that the types make.
var large = scene{
	name: "large",
	before: []entry{
		{"conf", oldConf, 0o640}, {"exec", "#!/bin/sh\n", 0o644}, {"old", "of no use\n", 0o644}, {"folder/", "", 0o755}, {"folder/a", "a\n", 0o644},
		{"folder/sub/", "", 0o755}, {"folder/sub/b", "b\n", 0o600}, {"link -> conf", "", 0}, {"turn", "a file\n", 0o600}, {"turned/", "", 0o700},
		{"turned/x", "x\n", 0o600}, {"linked/", "", 0o700}, {"tree/", "", 0o755}, {"tree/same", "same\n", 0o644},
	},
	fstab:   true,
	refresh: "ls -lRn --time-style=+ conf exec folder made turn turned tree link /etc/fstab && cat conf made/new /etc/fstab",
	manifest: `
file "DIR/conf" {
  content = "new configuration\n"
  mode    = "0600"
}
file "DIR/exec" { mode = "0755" }
file "DIR/old" { ensure = "absent" }
file "DIR/folder" {
  ensure = "directory"
  mode   = "0750"
  group  = "mallory"
}
file "DIR/folder/sub" {
  ensure = "absent"
  force  = true
}
file "DIR/made" {
  ensure = "directory"
  mode   = "0755"
}
file "DIR/made/new" { content = "made\n" }
file "DIR/made/link" { target = "new" }
file "DIR/link" { target = "made/new" }
file "DIR/turn" {
  ensure = "directory"
  mode   = "0750"
}
file "DIR/turned" {
  content = "a file now\n"
  force   = true
}
file "DIR/linked" {
  target = "conf"
  force  = true
}
file "DIR/tree" {
  ensure  = "directory"
  source  = "DIR/folder"
  recurse = true
  require = [file["DIR/folder/sub"]]
}
mount "/mnt" {
  device = "tmpfs"
  fstype = "tmpfs"
  ensure = "present"
}
exec "refresh" {
  command     = "(REFRESH) >> log"
  cwd         = "DIR"
  refreshonly = true
  subscribe   = [file["DIR/conf"], file["DIR/exec"], file["DIR/old"], file["DIR/folder"], file["DIR/folder/sub"], file["DIR/made"], file["DIR/made/new"],
    file["DIR/made/link"], file["DIR/link"], file["DIR/turn"], file["DIR/turned"], file["DIR/linked"], file["DIR/tree"], mount["/mnt"]]
}
`,
}

// stage is a scene set up in a folder.
type stage struct {
	scene
	dir  string // of the targets
	main string // the manifest
	args []string
}

// set sets the scene up anew below base.
func (s scene) set(t *testing.T, base string) stage {
	t.Helper()
	st := stage{scene: s, dir: filepath.Join(base, "targets"), main: filepath.Join(base, "main.hcl")}
	if s.mounted != nil {
		st.unmount(t)
	}
	for _, dir := range []string{st.dir, filepath.Join(base, "state")} {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(st.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, e := range s.before {
		st.make(t, e)
	}
	if s.fstab {
		writeFile(t, "/etc/fstab", oldFstab, 0o644)
	}
	if s.mounted != nil {
		st.mount(t)
	}
	st.args = []string{programs.control, s.control, st.dir}
	if s.control == "" {
		st.refresh = strings.ReplaceAll(s.refresh, "DIR", st.dir)
		text := strings.NewReplacer("DIR", st.dir, "REFRESH", st.refresh).Replace(s.manifest)
		writeFile(t, st.main, text, 0o644)
		st.args = []string{programs.apply, "--parallel", "1", "--state-dir", st.state(), st.main}
	}
	return st
}

// again are the arguments of a run that must change nothing: its exit code tells.
func (st *stage) again() []string {
	if st.control != "" {
		return st.args
	}
	return slices.Insert(slices.Clone(st.args), 1, "--detailed-exitcode")
}

func (st *stage) state() string { return filepath.Join(filepath.Dir(st.dir), "state") }

func (st *stage) make(t *testing.T, e entry) {
	t.Helper()
	var err error
	name := filepath.Join(st.dir, e.name)
	if link, target, ok := strings.Cut(name, " -> "); ok {
		err = os.Symlink(target, link)
	} else if strings.HasSuffix(e.name, "/") {
		err = errors.Join(os.Mkdir(name, 0o700), os.Chmod(name, e.mode))
	} else {
		writeFile(t, name, e.content, e.mode)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// undisturbed runs the program to its end, and returns what was there and what is.
func (st *stage) undisturbed(t *testing.T) (before, after map[string]thing) {
	t.Helper()
	before = st.look(t)
	if res := st.traced(t, nil); res.ExitCode != 0 {
		t.Fatalf("undisturbed: exit code %d\n%s", res.ExitCode, res.Output)
	}
	return before, st.look(t)
}

// traced runs the program until call after call is judged by at.
func (st *stage) traced(t *testing.T, at func(ptrace.Call) ptrace.Verdict) ptrace.Result {
	t.Helper()
	return st.tracedIf(t, nil, at)
}

func (st *stage) tracedIf(t *testing.T, which func(ptrace.Call) bool, at func(ptrace.Call) ptrace.Verdict) ptrace.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	var done []string // to what a call was disturbed
	judge := at
	if at != nil {
		judge = func(c ptrace.Call) ptrace.Verdict {
			v := at(c)
			if v != (ptrace.Verdict{}) {
				done = append(done, fmt.Sprintf("%+v instead of %v", v, c))
			}
			return v
		}
	}
	res, err := ptrace.Run(ctx, ptrace.Options{Args: st.args, Env: os.Environ(), Dir: "/", Select: which, At: judge})
	if err != nil {
		t.Fatalf("%q: %v\n%q\n%s", st.args, err, done, res.Output)
	}
	return res
}

// thing is what is at a name.
type thing struct {
	mode     fs.FileMode // with its kind
	uid, gid uint32
	content  string // of a file, or the target of a link
}

func (x thing) String() string {
	if x == (thing{}) {
		return "nothing"
	}
	return fmt.Sprintf("%v %d:%d %q", x.mode, x.uid, x.gid, x.content)
}

// look returns all that is in the folder but the log, and the table of mounts where the scene has it.
func (st *stage) look(t *testing.T) map[string]thing {
	t.Helper()
	all := map[string]thing{}
	visit := func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == filepath.Join(st.dir, "log") || name == "/etc" {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		owner := info.Sys().(*syscall.Stat_t)
		x := thing{mode: info.Mode(), uid: owner.Uid, gid: owner.Gid}
		switch info.Mode().Type() {
		case 0:
			b, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			x.content = string(b)
		case fs.ModeSymlink:
			if x.content, err = os.Readlink(name); err != nil {
				return err
			}
		}
		all[name] = x
		return nil
	}
	if err := filepath.WalkDir(st.dir, visit); err != nil {
		t.Fatal(err)
	}
	if st.fstab {
		if err := filepath.WalkDir("/etc", visit); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// log returns what refreshes have written, and what one would write now.
func (st *stage) log(t *testing.T) (written, now string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(st.dir, "log"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "/bin/sh", "-c", "cd '"+st.dir+"'; "+st.refresh).Output()
	if err != nil {
		return string(b), "(what it is about is not there)"
	}
	return string(b), string(out)
}
