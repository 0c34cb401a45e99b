// Command git measures what it costs to take a manifest from git: the first and the repeated `apply --git` of a real repository of 10,000 commits,
// by file, ssh (sshd on the loopback interface) and https (git http-backend behind TLS), beside what the git command takes for the same.
//
//	make bench-git
//
// It writes the table of README.md in its folder.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/nodeapply/apply/bench/setup"
	"github.com/nodeapply/apply/source/sourcetest"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench/git:", err)
		os.Exit(1)
	}
}

// runs is how often each figure is measured; the median counts.
const runs = 5

// bench is what is measured, and where.
type bench struct {
	ctx   context.Context
	root  string // a folder of its own, removed at the end
	apply string // the program
	site  *repository
	env   []string // of all commands
	n     int      // folders made so far
}

// transport is one way to the repository.
type transport struct{ name, url string }

// figures are seconds by the clock, medians.
type figures struct {
	transport                                       string
	clone, shallow, first, repeated, moved, offline float64
	cache                                           int64 // bytes that the store takes after the first run
}

// longest is what all of it may take, of minutes.
const longest = time.Hour

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	git, err := exec.CommandContext(ctx, "git", "--version").Output()
	if err != nil {
		return err
	}
	machine := setup.Machine(strings.TrimSpace(string(git)))
	root, err := os.MkdirTemp("", "bench-git-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(root)
	b := &bench{ctx: ctx, root: root, apply: filepath.Join(root, "apply")}
	if err := setup.Build(ctx, b.apply, "./cmd/apply"); err != nil {
		return err
	}
	if b.site, err = newRepository(ctx, root); err != nil {
		return err
	}
	transports, end, err := b.serve()
	if err != nil {
		return err
	}
	defer end()
	var rows []figures
	for _, t := range transports {
		f, err := b.measure(t)
		if err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
		rows = append(rows, f)
	}
	bare, err := b.plain()
	if err != nil {
		return err
	}
	return write("bench/git/README.md", machine, bare, rows)
}

// plain measures the manifest in a folder, without git.
func (b *bench) plain() (float64, error) {
	tree, node, state := b.folder("tree"), b.folder("node"), b.folder("state")
	if err := b.site.git(nil, "-C", b.site.dir, "archive", "-o", tree+".tar", "v50"); err != nil {
		return 0, err
	}
	if _, err := b.time("tar", "-xf", tree+".tar", "-C", tree); err != nil {
		return 0, err
	}
	run := func() (float64, error) {
		return b.time(b.apply, "--state-dir", state, "--var", "dir="+node, filepath.Join(tree, "main.hcl"))
	}
	if _, err := run(); err != nil {
		return 0, err
	}
	return b.median(run)
}

// serve starts the servers.
func (b *bench) serve() ([]transport, func(), error) {
	ssh, err := sourcetest.StartSSH(b.folder("sshd"))
	if err != nil {
		return nil, nil, err
	}
	https, err := sourcetest.StartHTTPS(b.root)
	if err != nil {
		return nil, nil, errors.Join(err, ssh.Close())
	}
	end := func() {
		https.Close()
		if err := ssh.Close(); err != nil {
			fmt.Fprintln(os.Stderr, "sshd:", err)
		}
	}
	home, ca := b.folder("home"), filepath.Join(b.root, "ca.pem")
	known := filepath.Join(home, "known_hosts")
	err = errors.Join(https.WriteCA(ca), os.WriteFile(known, []byte(ssh.HostKey), 0o600))
	b.env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "GIT_SSL_CAINFO=" + ca, "SSH_KNOWN_HOSTS=" + known, "APPLY_GIT_SSH_KEY=" + ssh.UserKey,
		"GIT_SSH_COMMAND=ssh -o UserKnownHostsFile=" + known + " -i " + ssh.UserKey, "GIT_CONFIG_NOSYSTEM=1",
	}
	return []transport{
		{"file", "file://" + b.site.dir},
		{"ssh", fmt.Sprintf("ssh://127.0.0.1:%d%s", ssh.Port, b.site.dir)},
		{"https", https.URL + "/" + filepath.Base(b.site.dir)},
	}, end, err
}

// measure takes all figures of one transport.
func (b *bench) measure(t transport) (f figures, err error) {
	f.transport = t.name
	node := b.folder("node-" + t.name)
	state := ""
	atRef := func(ref string) (float64, error) {
		return b.time(b.apply, "--state-dir", state, "--git", t.url, "--ref", ref, "--var", "dir="+node, "main.hcl")
	}
	moves := 0
	for _, one := range []struct {
		into *float64
		do   func() (float64, error)
	}{
		{&f.clone, func() (float64, error) { return b.time("git", "clone", "-q", t.url, b.folder("clone")) }},
		{&f.shallow, func() (float64, error) {
			return b.time("git", "clone", "-q", "--depth=1", "--branch=v50", t.url, b.folder("clone"))
		}},
		{&f.first, func() (float64, error) {
			state = b.folder("state")
			return atRef("v50")
		}},
		{&f.repeated, func() (float64, error) { return atRef("v50") }},
		{&f.moved, func() (float64, error) {
			moves++
			if err := b.site.move(b.n*runs + moves); err != nil {
				return 0, err
			}
			return atRef("main")
		}},
	} {
		if *one.into, err = b.median(one.do); err != nil {
			return f, err
		}
		if one.into == &f.first {
			f.cache, err = size(filepath.Join(state, "git"))
			if err != nil {
				return f, err
			}
		}
	}
	f.offline, err = b.offline(t, state, node)
	return f, err
}

// offline measures a whole commit's name, which is not asked of any server.
func (b *bench) offline(t transport, state, node string) (float64, error) {
	out, err := exec.CommandContext(b.ctx, "git", "-C", b.site.dir, "rev-parse", "v50^{commit}").Output()
	if err != nil {
		return 0, err
	}
	commit := strings.TrimSpace(string(out))
	return b.median(func() (float64, error) {
		return b.time(b.apply, "--state-dir", state, "--git", t.url, "--ref", commit, "--var", "dir="+node, "main.hcl")
	})
}

// folder makes a new folder.
func (b *bench) folder(name string) string {
	b.n++
	dir := filepath.Join(b.root, fmt.Sprintf("%s-%d", name, b.n))
	if err := os.Mkdir(dir, 0o700); err != nil {
		panic(err) // below a folder that was just made
	}
	return dir
}

func (b *bench) median(do func() (float64, error)) (float64, error) {
	var all []float64
	for range runs {
		s, err := do()
		if err != nil {
			return 0, err
		}
		all = append(all, s)
	}
	slices.Sort(all)
	return all[len(all)/2], nil
}

// time runs a command to its end and returns the seconds that it took.
func (b *bench) time(argv ...string) (float64, error) {
	cmd := exec.CommandContext(b.ctx, argv[0], argv[1:]...)
	cmd.Env = b.env
	start := time.Now()
	out, err := cmd.CombinedOutput()
	took := time.Since(start).Seconds()
	if err != nil {
		return 0, fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, out)
	}
	return took, nil
}

func size(dir string) (total int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		total += info.Size()
		return nil
	})
	return total, err
}
