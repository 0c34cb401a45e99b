// Package keeper makes namespaces that do not outlive the process which made them, in whatever way that ends.
//
// The first process inside, and the shell outside that watches it, wait for the end of a pipe of their maker. The kernel then kills all that runs in
// the namespaces and takes down their mounts, networks, loop devices and the files of their tmpfs; the shell removes what little remains.
package keeper

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/nodeapply/apply/e2e/lab/internal/cgroup"
	"github.com/nodeapply/apply/e2e/lab/internal/process"
)

// closeTimeout bounds the end of the namespaces, which is the kernel killing processes.
const closeTimeout = 30 * time.Second

// Keeper keeps mount, network and process namespaces.
type Keeper struct {
	Pid    int    // the first process inside, as this process sees it
	Dir    string // its /run/lab, a folder of a tmpfs, as this process sees it
	Tmp    string // a folder on disk that is removed at the end
	Cgroup string // that of all processes inside is to be in here; removed at the end

	shell    *exec.Cmd
	lifeline io.Closer // they live until this is closed
	ended    chan struct{}
}

// outside stays outside of the process namespace to remove what the kernel does not: temporary files and cgroups.
// $1 is the script of the first process inside, $2 the temporary folder, $3 and on the cgroups.
const outside = `
unshare --mount --net --pid --fork --kill-child --mount-proc -- sh -ec "$1" inside 3<&0
rm -rf "$2"
shift 2
echo 1 > "$1/cgroup.kill"
for cgroup; do
	for try in $(seq 100); do
		[ -d "$cgroup" ] || break
		find "$cgroup" -depth -type d -exec rmdir {} \; 2>/dev/null
		[ -d "$cgroup" ] && sleep 0.1
	done
done
`

// The first process inside runs the maker's script between these, and then waits for the end of its input: the end of the maker.
const (
	begin = `
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/lab
`
	wait = `
echo ready
cat <&3 >/dev/null &
wait
`
)

// Open makes namespaces, and runs a shell script in them as their first process. Temporary folders are made in the folder runs. What other keepers have
// left there is removed first, see Clean.
func Open(ctx context.Context, runs, script string) (*Keeper, error) {
	if err := Clean(runs); err != nil {
		return nil, err
	}
	name, err := owned()
	if err != nil {
		return nil, err
	}
	group, groups1, err := cgroup.New(name)
	if err != nil {
		return nil, err
	}
	k := &Keeper{Cgroup: group, Tmp: filepath.Join(runs, filepath.Base(group)), ended: make(chan struct{})}
	if err := os.MkdirAll(k.Tmp, 0o755); err != nil {
		return nil, err
	}
	k.shell = exec.Command("sh", "-c", outside, "keeper", begin+script+wait, k.Tmp, group)
	k.shell.Args = append(k.shell.Args, groups1...)
	k.shell.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // an interrupt at the terminal must not reach it
	stderr := new(strings.Builder)
	k.shell.Stderr = stderr
	if k.lifeline, err = k.shell.StdinPipe(); err != nil {
		return nil, err
	}
	ready, out, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer ready.Close()
	k.shell.Stdout = out
	err = k.shell.Start()
	out.Close()
	if err != nil {
		return nil, err
	}
	go func() {
		defer close(k.ended)
		k.shell.Wait() // its exit code says nothing: it is killed at the end
	}()
	stop := context.AfterFunc(ctx, func() { k.lifeline.Close() })
	line, err := bufio.NewReader(ready).ReadString('\n')
	if !stop() || err != nil {
		err = errors.Join(err, context.Cause(ctx), k.Close())
		return nil, fmt.Errorf("%w: %s%s", err, line, stderr)
	}
	if k.Pid, err = process.Descendant(k.shell.Process.Pid, 2); err != nil { // the shell, unshare, the first process inside
		return nil, errors.Join(err, k.Close())
	}
	k.Dir = fmt.Sprintf("/proc/%d/root/run/lab", k.Pid)
	return k, nil
}

// Close ends all that is in the namespaces. It is safe to call twice.
func (k *Keeper) Close() error {
	k.lifeline.Close() // closed before by an earlier Close or a canceled Open
	select {
	case <-k.ended:
		return nil
	case <-time.After(closeTimeout):
		return fmt.Errorf("keeper %d still runs after %s", k.shell.Process.Pid, closeTimeout)
	}
}

// Run runs a short command in all namespaces, with this machine's files and the mounts inside.
func (k *Keeper) Run(ctx context.Context, argv ...string) error {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := process.StartIn(k.Pid, cmd)
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, out.Bytes())
	}
	return nil
}
