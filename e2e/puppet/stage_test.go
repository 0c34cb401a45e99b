package puppet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// stage makes roots for one program: overlays of this machine in a mount namespace that belongs to the thread of the goroutine which uses it.
type stage struct {
	dir    string
	layers []string // what the overlays are of, the uppermost first
}

// onStage runs f on a thread with mounts of its own, which end with it. What the roots have beside this machine's own is the binary, as /.apply.
func onStage(ctx context.Context, dir, binary string, f func(stage) error) error {
	end := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine, and with it the mounts
		end <- func() error {
			if err := unix.Unshare(unix.CLONE_NEWNS | unix.CLONE_FS); err != nil {
				return err
			}
			if err := unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
				return err
			}
			if err := unix.Mount("oracle", dir, "tmpfs", 0, "size=512m"); err != nil {
				return err
			}
			s := stage{dir, []string{"/"}}
			base := filepath.Join(dir, "base")
			if err := s.set(ctx, base, machine, func(string) error { return nil }); err != nil {
				return err
			}
			s.layers = []string{base, "/"}
			program, err := os.ReadFile(binary)
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(base, ".apply"), program, 0o755); err != nil {
				return err
			}
			return f(s)
		}()
	}()
	return <-end
}

// machine is what every case finds: few accounts, and nothing of this machine's own in the files that the types edit.
const machine = `
set -eu
umask 022
rm -rf /w /home/* /root/.ssh /var/spool/cron/crontabs/*
rm -f /etc/hosts /etc/fstab /etc/passwd /etc/group /etc/shadow /etc/gshadow
mkdir -p /w /var/spool/cron/crontabs
cat >/etc/passwd <<'END'
root:x:0:0:root:/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
ann:x:2001:2001:Ann:/home/ann:/bin/sh
bob:x:2002:2002:Bob:/home/bob:/bin/sh
END
cat >/etc/group <<'END'
root:x:0:
daemon:x:1:
crontab:x:101:
staff:x:50:
nogroup:x:65534:
ann:x:2001:
bob:x:2002:
ops:x:3000:ann
END
cat >/etc/shadow <<'END'
root:*:19000:0:99999:7:::
daemon:*:19000:0:99999:7:::
nobody:*:19000:0:99999:7:::
ann:!:19000:0:99999:7:::
bob:!:19000:0:99999:7:::
END
cat >/etc/gshadow <<'END'
root:*::
daemon:*::
crontab:!::
staff:*::
nogroup:*::
ann:!::
bob:!::
ops:!::ann
END
chmod 600 /etc/shadow /etc/gshadow
printf '127.0.0.1\tlocalhost\n' >/etc/hosts
printf '# static file systems\n' >/etc/fstab
install -d -o ann -g ann /home/ann
install -d -o bob -g bob /home/bob
chgrp 101 /usr/bin/crontab && chmod 2755 /usr/bin/crontab
chgrp 101 /var/spool/cron/crontabs && chmod 1730 /var/spool/cron/crontabs
`

// play makes a root in which start, a shell script, has run in /w, and strikes it again when use has returned.
func (s stage) play(ctx context.Context, start string, use func(root string) error) error {
	upper := filepath.Join(s.dir, "upper")
	err := s.set(ctx, upper, "umask 022; cd /w\n"+start, use)
	return errors.Join(err, os.RemoveAll(upper))
}

// set makes a root, runs the script there, and leaves in upper what became of it when use has returned.
func (s stage) set(ctx context.Context, upper, script string, use func(root string) error) (err error) {
	root, work := filepath.Join(s.dir, "root"), filepath.Join(s.dir, "work")
	for _, dir := range []string{root, upper, work} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	layers := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", strings.Join(s.layers, ":"), upper, work)
	if err := unix.Mount("overlay", root, "overlay", 0, layers); err != nil {
		return fmt.Errorf("overlay: %w", err)
	}
	defer func() { err = errors.Join(err, unix.Unmount(root, unix.MNT_DETACH), os.RemoveAll(work)) }()
	for _, dir := range []string{"/proc", "/dev"} {
		if err := unix.Mount(dir, root+dir, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
			return fmt.Errorf("%s: %w", dir, err)
		}
	}
	if out, err := command(ctx, "chroot", root, "sh", "-c", script).CombinedOutput(); err != nil {
		return fmt.Errorf("start: %w\n%s", err, out)
	}
	return use(root)
}

// command is one that gets no more environment than a login has, and ends with the stage.
func command(ctx context.Context, argv ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// scope is what is compared of a root.
var scope = []string{"w", "home", "root/.ssh", "var/spool/cron/crontabs", "etc/hosts", "etc/fstab", "etc/passwd", "etc/group", "etc/shadow", "etc/gshadow"}

// state describes each name in the scope as "KIND MODE OWNER:GROUP CONTENT", and what is mounted below /w.
func state(root string) (map[string]string, error) {
	found := map[string]string{}
	for _, top := range scope {
		err := filepath.WalkDir(filepath.Join(root, top), func(name string, _ fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return err
			}
			rel := strings.TrimPrefix(name, root)
			found[rel], err = describe(name, rel)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return found, mounts(root, found)
}

func describe(name, rel string) (string, error) {
	var st unix.Stat_t
	if err := unix.Lstat(name, &st); err != nil {
		return "", err
	}
	is := func(kind, content string) string {
		return fmt.Sprintf("%s %04o %d:%d %s", kind, st.Mode&0o7777, st.Uid, st.Gid, content)
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return is("folder", ""), nil
	case unix.S_IFLNK:
		target, err := os.Readlink(name)
		return "link " + target, err
	case unix.S_IFREG:
		content, err := os.ReadFile(name)
		return is("file", fmt.Sprintf("%q", normal(rel, content))), err
	}
	return is("special", ""), nil
}

var (
	blanks    = regexp.MustCompile(`[ \t]+`)
	comments  = regexp.MustCompile(`^# (Puppet Name|apply): `)
	headers   = regexp.MustCompile(`(?m)^# (HEADER|DO NOT EDIT|\(- installed|\(Cron version).*\n`)
	lastDay   = regexp.MustCompile(`(?m)^([^:]*:[^:]*):\d*:`)
	emptyTail = regexp.MustCompile(`\n+$`)
)

// normal leaves out of a file what no program that reads it sees: how wide the space between columns is, who says that it wrote it, and when a
// password was changed.
func normal(rel string, content []byte) string {
	text := string(content)
	switch {
	case rel == "/etc/shadow":
		text = lastDay.ReplaceAllString(text, "$1:DAY:")
	case strings.HasSuffix(rel, "/authorized_keys"):
		text = headers.ReplaceAllString(text, "")
	case rel == "/etc/hosts", rel == "/w/hosts", rel == "/etc/fstab", strings.HasPrefix(rel, "/var/spool/cron/"):
		text = blanks.ReplaceAllString(headers.ReplaceAllString(text, ""), " ")
		var lines []string
		for line := range strings.Lines(text) {
			lines = append(lines, strings.TrimRight(comments.ReplaceAllString(line, "# name: "), " \n")+"\n")
		}
		text = strings.TrimPrefix(emptyTail.ReplaceAllString(strings.Join(lines, ""), "\n"), "\n")
	}
	return text
}

// mounts adds to found what is mounted below /w of the root, with the options of its file system that the cases set.
func mounts(root string, found map[string]string) error {
	table, err := os.ReadFile("/proc/thread-self/mountinfo")
	if err != nil {
		return err
	}
	for line := range bytes.Lines(table) {
		f := strings.Fields(string(line))
		rel, ok := strings.CutPrefix(f[4], root)
		if !ok || !strings.HasPrefix(rel, "/w/") {
			continue
		}
		dash := slices.Index(f, "-")
		options := strings.Split(f[5], ",")
		slices.Sort(options)
		found["mount "+rel] = strings.TrimSpace(found["mount "+rel] + " " + f[dash+1] + " " + f[dash+2] + " " + strings.Join(options, ","))
	}
	return nil
}
