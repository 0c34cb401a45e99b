// Package hosttest gives tests a node of their own: real files in a temporary directory, and tables in place of
// commands, units and mounts.
//
// The files are handled by [local.Node], the very code that a run uses. A test that wants an operation to fail embeds the Host and
// overrides one method:
//
//	type fullDisk struct{ host.Host }
//
//	func (fullDisk) WriteFile(context.Context, string, host.NewFile) error { return unix.ENOSPC }
package hosttest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest/internal/tree"
	"github.com/nodeapply/apply/host/hosttest/internal/units"
	"github.com/nodeapply/apply/host/local"
	"github.com/nodeapply/apply/sandbox/model"
)

// Host is a node of a test. Owners of its files are real where the test runs as root; where not, every account has the id of the caller.
type Host struct {
	*local.Node
	t    testing.TB
	dir  string
	real *local.Node // for commands; nil: the table alone

	mu       sync.Mutex
	handlers []handler
	calls    []string
	systemd  *units.Manager // nil: none
	mounts   *model.Node    // nil: the kernel's
}

var _ host.Host = (*Host)(nil)

type handler struct {
	prefix []string
	run    Command
}

// Command answers a command of the table.
type Command func(ctx context.Context, c host.Cmd) (host.Output, error)

// Option changes what a Host is.
type Option func(*Host)

// RealCommands lets commands that the table does not have run on this machine. In their environment ROOT is the directory that the
// tree lies in, and their current folder is inside it.
func RealCommands(h *Host) {
	real, err := local.New(local.Options{})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = real.Close() })
	h.real = real
}

// New returns a node with the files that a text names, which is in the form of txtar:
//
//	-- etc/motd 0644 root:root --
//	hello
//	-- etc/conf.d/ 0755 --
//	-- var/run -> /run --
//	-- run/pipe| 0600 --
//
// Mode and owner may be left out; folders on the way are made. Without an etc/passwd the node knows root, daemon (1), bin (2) and
// nobody (65534), and groups of the same names and numbers.
func New(t testing.TB, files string, options ...Option) *Host {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil { // as a root folder is, for commands that run as somebody else
		t.Fatal(err)
	}
	local, err := local.New(local.Options{Root: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = local.Close() })
	h := &Host{Node: local, t: t, dir: dir}
	for _, o := range options {
		o(h)
	}
	entries, err := tree.Parse(files)
	if err == nil {
		err = plant(h, entries)
	}
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// Path is the name by which the test itself reaches the node's file.
func (h *Host) Path(name string) string { return filepath.Join(h.dir, name) }

// Handle has commands whose arguments begin with the words of prefix answered by f; of several the longest prefix counts, of equal ones the latest.
func (h *Host) Handle(prefix string, f Command) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.handlers = append(h.handlers, handler{strings.Fields(prefix), f})
}

// Answer has commands that begin with prefix answered by that output and exit code.
func (h *Host) Answer(prefix string, exitCode int, stdout string) {
	h.Handle(prefix, func(context.Context, host.Cmd) (host.Output, error) {
		return host.Output{Stdout: []byte(stdout), ExitCode: exitCode}, nil
	})
}

// Calls returns the commands that were run, the arguments of each joined by blanks, in order: those of Query with "? " before them.
func (h *Host) Calls() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]string(nil), h.calls...)
}

// Changes returns those of Calls that may have changed the node.
func (h *Host) Changes() []string {
	return slices.DeleteFunc(h.Calls(), func(call string) bool { return strings.HasPrefix(call, "? ") })
}

// ForgetCalls empties what Calls returns.
func (h *Host) ForgetCalls() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls = nil
}

// Query implements [host.View].
func (h *Host) Query(ctx context.Context, c host.Cmd) (host.Output, error) {
	return h.call(ctx, "? ", c)
}

// Run implements [host.Host].
func (h *Host) Run(ctx context.Context, c host.Cmd) (host.Output, error) { return h.call(ctx, "", c) }

func (h *Host) call(ctx context.Context, mark string, c host.Cmd) (host.Output, error) {
	h.mu.Lock()
	h.calls = append(h.calls, mark+strings.Join(c.Args, " "))
	f := h.handler(c.Args)
	h.mu.Unlock()
	switch {
	case f != nil:
		return f(ctx, c)
	case h.real != nil:
		c.Env = append([]string{"ROOT=" + h.dir}, c.Env...)
		c.Dir = h.Path(c.Dir)
		return h.real.Run(ctx, c)
	}
	h.t.Errorf("hosttest: no answer to the command %q", c.Args)
	return host.Output{ExitCode: 127}, fmt.Errorf("%q: not in the command table", c.Args)
}

func (h *Host) handler(args []string) Command {
	var best *handler
	for i := range h.handlers {
		c := &h.handlers[i]
		if hasPrefix(args, c.prefix) && (best == nil || len(c.prefix) >= len(best.prefix)) {
			best = c
		}
	}
	if best == nil {
		return nil
	}
	return best.run
}

// hasPrefix compares words; a program matches with and without its folder.
func hasPrefix(args, prefix []string) bool {
	if len(args) < len(prefix) {
		return false
	}
	for i, w := range prefix {
		if args[i] != w && (i > 0 || filepath.Base(args[i]) != w) {
			return false
		}
	}
	return true
}

// defaultAccounts are those of a node without an etc/passwd, users and groups alike.
var defaultAccounts = [...]host.Group{{Name: "root", GID: 0}, {Name: "daemon", GID: 1}, {Name: "bin", GID: 2}, {Name: "nobody", GID: 65534}}

// defaultAccount returns what the node knows without the file; root it knows always.
func (h *Host) defaultAccount(file, nameOrID string) (host.Group, bool) {
	known := defaultAccounts[:]
	if _, err := os.Lstat(h.Path(file)); err == nil {
		known = known[:1]
	}
	for _, a := range known {
		if a.Name == nameOrID || strconv.Itoa(int(a.GID)) == nameOrID {
			return a, true
		}
	}
	return host.Group{}, false
}

// LookupUser implements [host.View].
func (h *Host) LookupUser(ctx context.Context, nameOrID string) (host.User, error) {
	if a, ok := h.defaultAccount("etc/passwd", nameOrID); ok {
		return mine(host.User{Name: a.Name, UID: a.GID, GID: a.GID, Home: "/", Shell: "/bin/sh"}), nil
	}
	u, err := h.Node.LookupUser(ctx, nameOrID)
	return mine(u), err
}

// LookupGroup implements [host.View].
func (h *Host) LookupGroup(ctx context.Context, nameOrID string) (host.Group, error) {
	g, ok := h.defaultAccount("etc/group", nameOrID)
	var err error
	if !ok {
		g, err = h.Node.LookupGroup(ctx, nameOrID)
	}
	if os.Geteuid() != 0 {
		g.GID = uint32(os.Getegid())
	}
	return g, err
}

func mine(u host.User) host.User {
	if os.Geteuid() != 0 {
		u.UID, u.GID = uint32(os.Geteuid()), uint32(os.Getegid())
	}
	return u
}
