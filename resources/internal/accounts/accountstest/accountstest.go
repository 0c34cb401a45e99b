// Package accountstest gives tests a node whose programs for accounts (useradd, gpasswd, chpasswd...) edit its /etc/passwd, /etc/group and /etc/shadow
// as the real ones do, as far as the resource types ask for it. What the real ones do is tested on a node, in package e2e.
package accountstest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources/internal/accounts"
)

// Base are the accounts of a node before the test.
const Base = `-- etc/passwd --
root:x:0:0:root:/root:/bin/sh
# a comment
alice:x:1000:1000:Alice:/home/alice:/bin/sh
-- etc/group --
root:x:0:
alice:x:1000:
staff:x:50:alice
audio:x:29:
video:x:44:
-- etc/shadow 0640 --
root:*:19000:0:99999:7:::
alice:$6$salt$old:19000:0:99999:7:::
-- bin/sh 0755 --
-- bin/bash 0755 --
-- bin/useradd 0755 --
-- home/ --
`

// fake are the programs.
type fake struct {
	t testing.TB
	h *hosttest.Host
}

// New returns a node with the files of tree and those programs.
func New(t testing.TB, tree string) *hosttest.Host {
	t.Helper()
	h := hosttest.New(t, tree)
	f := &fake{t, h}
	h.Answer("getent", 2, "") // its files are all that there is
	for name, run := range map[string]func(o options, name string, c host.Cmd) error{
		"useradd": f.useradd, "usermod": f.usermod, "userdel": f.userdel, "groupadd": f.groupadd, "groupmod": f.groupmod,
		"groupdel": f.groupdel, "gpasswd": f.gpasswd, "chpasswd": f.chpasswd, "chage": f.chage,
	} {
		h.Handle(name, func(_ context.Context, c host.Cmd) (host.Output, error) {
			o, arg := parse(c.Args)
			if err := run(o, arg, c); err != nil {
				return host.Output{ExitCode: 9, Stderr: fmt.Appendf(nil, "%s: %v\n", name, err)}, nil
			}
			return host.Output{}, nil
		})
	}
	return h
}

// options are those of a command line, "" for one without a value.
type options map[string]string

func parse(args []string) (options, string) {
	o := options{}
	for i := 1; i < len(args); i++ {
		switch {
		case args[i] == "--":
			return o, args[len(args)-1]
		case args[0] != "chage" && (args[i] == "-m" || args[i] == "-r" || args[i] == "-M"):
			o[args[i]] = ""
		case i+1 < len(args):
			o[args[i]] = args[i+1]
			i++
		}
	}
	return o, ""
}

// read returns the entries of a file of /etc.
func (f *fake) read(file string) [][]string {
	var all [][]string
	for line := range strings.Lines(f.h.Content("/etc/" + file)) {
		all = append(all, strings.Split(strings.TrimSuffix(line, "\n"), ":"))
	}
	return all
}

func (f *fake) write(file string, all [][]string) error {
	var b strings.Builder
	for _, e := range all {
		b.WriteString(strings.Join(e, ":") + "\n")
	}
	return os.WriteFile(f.h.Path("/etc/"+file), []byte(b.String()), 0o644)
}

// edit changes the entry of that name; a nil result removes it.
func (f *fake) edit(file, name string, change func(e []string) []string) error {
	all := f.read(file)
	i := slices.IndexFunc(all, func(e []string) bool { return e[0] == name })
	if i < 0 {
		return fmt.Errorf("%s does not exist", name)
	}
	if e := change(all[i]); e != nil {
		all[i] = e
	} else {
		all = slices.Delete(all, i, i+1)
	}
	return f.write(file, all)
}

func (f *fake) has(file, name string) bool {
	return slices.ContainsFunc(f.read(file), func(e []string) bool { return e[0] == name })
}

// next is the first free id.
func (f *fake) next(file string) string {
	for id := 1000; ; id++ {
		if s := strconv.Itoa(id); !slices.ContainsFunc(f.read(file), func(e []string) bool { return len(e) > 2 && e[2] == s }) {
			return s
		}
	}
}

func (f *fake) gid(group string) (string, error) {
	for _, e := range f.read("group") {
		if e[0] == group || e[2] == group {
			return e[2], nil
		}
	}
	return "", fmt.Errorf("group '%s' does not exist", group)
}

func (f *fake) useradd(o options, name string, _ host.Cmd) error {
	if f.has("passwd", name) {
		return fmt.Errorf("user '%s' already exists", name)
	}
	e := []string{name, "x", f.next("passwd"), "", "", "/home/" + name, "/bin/sh"}
	group, given := o["-g"]
	if !given {
		if f.has("group", name) {
			return fmt.Errorf("group %s exists - if you want to add this user to that group, use -g", name)
		}
		if err := f.groupadd(options{}, name, host.Cmd{}); err != nil {
			return err
		}
		group = name
	}
	o["-g"] = group
	if err := f.write("passwd", append(f.read("passwd"), e)); err != nil {
		return err
	}
	if err := f.write("shadow", append(f.read("shadow"), []string{name, "!", "19000", "0", "99999", "7", "", "", ""})); err != nil {
		return err
	}
	_, home := o["-m"]
	delete(o, "-m")
	if _, system := o["-r"]; system {
		delete(o, "-e") // which the real one forgets of those
	}
	if err := f.usermod(o, name, host.Cmd{}); err != nil || !home {
		return err
	}
	if err := os.MkdirAll(f.h.Path(f.home(name)), 0o755); err != nil {
		return err
	}
	return f.own(name)
}

// own gives the user its home folder.
func (f *fake) own(name string) error {
	for _, e := range f.read("passwd") {
		if e[0] != name {
			continue
		}
		uid, err := strconv.Atoi(e[2])
		if err != nil {
			return err
		}
		if err := os.Lchown(f.h.Path(e[5]), uid, -1); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (f *fake) home(name string) string {
	for _, e := range f.read("passwd") {
		if e[0] == name {
			return e[5]
		}
	}
	return ""
}

func (f *fake) usermod(o options, name string, _ host.Cmd) error {
	old := f.home(name)
	if password, given := o["-p"]; given {
		if err := f.chpassword(name, password); err != nil {
			return err
		}
	}
	for option, field := range map[string]int{"-u": 2, "-c": 4, "-d": 5, "-s": 6, "-g": 3} {
		value, given := o[option]
		if !given {
			continue
		}
		if option == "-g" {
			gid, err := f.gid(value)
			if err != nil {
				return err
			}
			value = gid
		}
		if err := f.edit("passwd", name, func(e []string) []string { e[field] = value; return e }); err != nil {
			return err
		}
	}
	if day, given := o["-e"]; given {
		days := ""
		if day != "" {
			var y, m, d int
			if _, err := fmt.Sscanf(day, "%d-%d-%d", &y, &m, &d); err != nil {
				return err
			}
			days = strconv.Itoa((y-1970)*365 + (y-1969)/4 + (m-1)*31 + d - 1) // right for days of January of the next decades
		}
		if !f.has("shadow", name) {
			if err := f.write("shadow", append(f.read("shadow"), []string{name, "!", "20000", "", "", "", "", "", ""})); err != nil {
				return err
			}
		}
		if err := f.edit("shadow", name, func(e []string) []string { e[7] = days; return e }); err != nil {
			return err
		}
	}
	if _, move := o["-m"]; move {
		if _, err := os.Lstat(f.h.Path(f.home(name))); err == nil {
			return fmt.Errorf("directory %s exists", f.home(name)) // and the entry is changed: as the real one does
		}
		if err := os.Rename(f.h.Path(old), f.h.Path(f.home(name))); err != nil {
			return err
		}
	}
	if _, renumber := o["-u"]; renumber {
		return f.own(name)
	}
	return nil
}

func (f *fake) userdel(o options, name string, _ host.Cmd) error {
	var stays error
	if _, home := o["-r"]; home {
		is, err := accounts.FindUser(f.h, name)
		if err != nil || is == nil {
			return fmt.Errorf("user '%s' does not exist, %w", name, err)
		}
		if st, err := f.h.Lstat(is.Home); err != nil || st.Kind != host.Absent && st.UID != is.UID {
			stays = errors.Join(fmt.Errorf("%s not owned by %s, not removing", is.Home, name), err) // and the user goes: as with the real one
		} else if err := os.RemoveAll(f.h.Path(is.Home)); err != nil {
			return err
		}
	}
	gone := func([]string) []string { return nil }
	if err := f.edit("passwd", name, gone); err != nil {
		return err
	}
	if f.has("shadow", name) {
		if err := f.edit("shadow", name, gone); err != nil {
			return err
		}
	}
	for _, g := range f.read("group") {
		if err := f.members(g[0], func(m []string) []string {
			return slices.DeleteFunc(m, func(s string) bool { return s == name })
		}); err != nil {
			return err
		}
	}
	if f.has("group", name) {
		return errors.Join(stays, f.edit("group", name, gone))
	}
	return stays
}
