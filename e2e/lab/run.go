package lab

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/nodeapply/apply/e2e/lab/internal/command"
)

// Process is a command that runs in a node, Result its end.
type (
	Process = command.Process
	Result  = command.Result
)

// Run runs a command in the node, as root, and waits for its end. A code other than 0 is no error. When ctx ends first, the command
// and what it started are killed. A daemon that it leaves behind lives on.
func (n *Node) Run(ctx context.Context, argv ...string) (Result, error) {
	return n.run(ctx, nil, argv)
}

func (n *Node) run(ctx context.Context, stdin []byte, argv []string) (Result, error) {
	p, err := n.start(ctx, stdin, argv)
	if err != nil {
		return Result{}, err
	}
	return p.Wait()
}

// Must runs a command in the node and returns its standard output; a code other than 0 is an error that tells what it printed.
func (n *Node) Must(ctx context.Context, argv ...string) (stdout string, err error) {
	return n.must(ctx, nil, argv)
}

func (n *Node) must(ctx context.Context, stdin []byte, argv []string) (string, error) {
	res, err := n.run(ctx, stdin, argv)
	if err == nil && res.Code != 0 {
		err = fmt.Errorf("node %s: %s: exit code %d\n%s%s", n.Name, strings.Join(argv, " "), res.Code, res.Stdout, res.Stderr)
	}
	return res.Stdout, err
}

// Put writes a file in the node, with its folders.
func (n *Node) Put(ctx context.Context, name string, content []byte, mode fs.FileMode) error {
	const script = `mkdir -p "$(dirname "$1")" && cat > "$1" && chmod "$2" "$1"`
	_, err := n.must(ctx, content, []string{"sh", "-c", script, "put", name, fmt.Sprintf("%o", mode.Perm())})
	return err
}

// Get returns the content of a file in the node.
func (n *Node) Get(ctx context.Context, name string) (string, error) {
	return n.Must(ctx, "cat", "--", name)
}

// CopyBinary installs an executable of this machine in the node as /usr/local/bin/NAME.
func (n *Node) CopyBinary(ctx context.Context, name string) error {
	content, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	return n.Put(ctx, filepath.Join("/usr/local/bin", filepath.Base(name)), content, 0o755)
}

// Start starts a command in the node, as root, with no more environment than a login gives. When ctx ends, the command and what it
// started are killed; they end with the node, too.
func (n *Node) Start(ctx context.Context, argv ...string) (*Process, error) {
	return n.start(ctx, nil, argv)
}

func (n *Node) start(ctx context.Context, stdin []byte, argv []string) (*Process, error) {
	select {
	case <-n.ended:
		return nil, fmt.Errorf("node %s: off", n.Name)
	default:
	}
	p, err := command.Start(ctx, n.init, filepath.Join(n.cgroup, "payload", "lab"), stdin, argv)
	if err != nil {
		return nil, fmt.Errorf("node %s: %w", n.Name, err)
	}
	return p, nil
}
