package fleet_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nodeapply/apply/e2e/lab"
	"github.com/nodeapply/apply/e2e/lab/sealed"
)

// insideEnv marks the process that runs the tests in namespaces of its own.
const insideEnv = "APPLY_FLEET_LAB"

// TestMain runs the tests once more in network, mount and process namespaces of their own: whatever they make (bridges, sshd, mounts) ends with them.
func TestMain(m *testing.M) {
	if os.Geteuid() != 0 || os.Getenv(insideEnv) != "" {
		os.Exit(m.Run())
	}
	// Built outside, where the network is.
	if _, err := lab.Build(context.Background(), "github.com/nodeapply/apply/cmd/apply"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	cmd := sealed.Command(context.Background(), append([]string{"unshare", "--net", "--"}, os.Args...)...)
	cmd.Env = append(cmd.Env, insideEnv+"=yes")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := cmd.Run()
	var ended *exec.ExitError
	switch {
	case errors.As(err, &ended):
		os.Exit(max(ended.ExitCode(), 1))
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// site is a seat with nodes: sshd processes, each in namespaces of its own, on a bridge. Node i has the address 10.9.0.i and the name nI. The gateways gw, gx
// and gy stand between that bridge and three others with nodes bI at 10.8.0.i, cI at 10.7.0.i and dI at 10.6.0.i, to which the seat has no route.
type site struct {
	t     testing.TB
	dir   string
	apply string
	nodes map[string]*node
	env   []string // of apply, beside its own
}

// node is an sshd in its own namespaces.
type node struct {
	name string
	cmd  *exec.Cmd
	root string // of its files, seen from here
}

// Options of sshd that hold for all nodes.
const sshdConfig = `
Port 22
ListenAddress 0.0.0.0
HostKey %[1]s/host_key
PidFile none
UsePAM no
PermitRootLogin prohibit-password
StrictModes no
AuthorizedKeysFile %[1]s/user_key.pub
Subsystem sftp internal-sftp
LogLevel ERROR
%[2]s
`

func newSite(t testing.TB, names ...string) *site {
	t.Helper()
	if os.Getenv(insideEnv) == "" {
		t.Skip("not root: no network namespaces, so nothing of the fleet is tried against real sshd")
	}
	s := &site{t: t, dir: t.TempDir(), apply: lab.Binary(t), nodes: map[string]*node{}}
	must(t, os.Chmod(s.dir, 0o755))
	for _, key := range []string{"host_key", "other_key", "user_key", "stranger_key"} {
		s.sh("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", filepath.Join(s.dir, key))
	}
	s.script(`mount -t tmpfs tmpfs /run && mkdir -p /run/netns /run/sshd && ip link set lo up
for b in br0 br1 br2 br3; do ip link del $b 2>/dev/null; ip link add $b type bridge forward_delay 0 && ip link set $b up; done
ip addr add 10.9.0.254/16 dev br0`)
	t.Cleanup(s.close)
	s.home()
	for _, name := range names {
		s.start(name, "")
	}
	for _, name := range names {
		s.await(name)
	}
	return s
}

// home makes the operator's: keys, known hosts, the names of the nodes.
func (s *site) home() {
	key, err := os.ReadFile(filepath.Join(s.dir, "host_key.pub"))
	must(s.t, err)
	user, err := os.ReadFile(filepath.Join(s.dir, "user_key"))
	must(s.t, err)
	s.write("home/.ssh/id_ed25519", string(user))
	s.write("home/.ssh/known_hosts", "10.9.*,10.8.*,10.7.*,10.6.*,n*,b*,gw "+string(key))
	s.write("fleet.hcl", s.inventory())
}

func (s *site) inventory() string {
	return `
group "near" {
  nodes = ["n[1-200]"]
}
group "far" {
  nodes   = ["b[1-200]"]
  gateway = "10.9.1.1"
}
group "second" {
  nodes   = ["c[1-200]"]
  gateway = "10.9.1.2"
}
group "third" {
  nodes   = ["d[1-200]"]
  gateway = "10.9.1.3"
}
` + s.addresses()
}

func (s *site) addresses() string {
	var b strings.Builder
	for _, site := range []string{"n", "b", "c", "d"} {
		for i := 1; i <= 200; i++ {
			name := fmt.Sprint(site, i)
			_, address := place(name)
			fmt.Fprintf(&b, "node %q {\n  address = %q\n}\n", name, address)
		}
	}
	return b.String()
}

// gateways are on the seat's bridge, each with another network behind it.
var gateways = map[string]struct{ address, bridge, network string }{
	"gw": {"10.9.1.1", "br1", "10.8"}, "gx": {"10.9.1.2", "br2", "10.7"}, "gy": {"10.9.1.3", "br3", "10.6"},
}

// place is the bridge and the address of a node.
func place(name string) (bridge, address string) {
	if g, ok := gateways[name]; ok {
		return "br0", g.address
	}
	i := strings.IndexByte("nbcd", name[0])
	return fmt.Sprint("br", i), fmt.Sprintf("10.%d.0.%s", 9-i, name[1:])
}

// start starts a node.
func (s *site) start(name, config string) *node {
	s.t.Helper()
	n := &node{name: name}
	bridge, address := place(name)
	s.script(fmt.Sprintf(`ip netns add %[1]s && ip link add v%[1]s type veth peer name eth0 netns %[1]s && ip link set v%[1]s master %[2]s up
ip -n %[1]s link set lo up && ip -n %[1]s addr add %[3]s/16 dev eth0 && ip -n %[1]s link set eth0 up`, name, bridge, address))
	if g, ok := gateways[name]; ok {
		s.script(fmt.Sprintf(`ip link add w%[1]s type veth peer name eth1 netns %[1]s && ip link set w%[1]s master %[2]s up
ip -n %[1]s addr add %[3]s.255.254/16 dev eth1 && ip -n %[1]s link set eth1 up`, name, g.bridge, g.network))
	}
	s.write(name+".conf", fmt.Sprintf(sshdConfig, s.dir, config))
	n.root = filepath.Join(s.dir, "root-"+name)
	must(s.t, os.MkdirAll(filepath.Join(n.root, "root"), 0o755))
	s.boot(n)
	s.nodes[name] = n
	return n
}

// boot runs a node's sshd, which sees its own folders as /root, /srv and /var/lib.
func (s *site) boot(n *node) {
	s.t.Helper()
	must(s.t, os.MkdirAll(filepath.Join(n.root, "srv"), 0o755))
	must(s.t, os.MkdirAll(filepath.Join(n.root, "lib"), 0o755))
	n.cmd = exec.Command("ip", "netns", "exec", n.name, "unshare", "--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc", "--", "sh", "-ec",
		`hostname "$1"; mount --bind "$2/root" /root; mount --bind "$2/srv" /srv; mount --bind "$2/lib" /var/lib; exec /usr/sbin/sshd -D -e -f "$3"`, "boot", n.name, n.root, filepath.Join(s.dir, n.name+".conf"))
	log, err := os.Create(filepath.Join(s.dir, n.name+".log"))
	must(s.t, err)
	defer log.Close()
	n.cmd.Stdout, n.cmd.Stderr = log, log
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	must(s.t, n.cmd.Start())
}

// await waits until a node's sshd listens.
func (s *site) await(name string) {
	s.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		out, err := exec.Command("ip", "netns", "exec", name, "ss", "-Hltn", "sport", "=", ":22").Output()
		if err == nil && len(bytes.TrimSpace(out)) > 0 {
			return
		}
		if time.Now().After(deadline) {
			log, _ := os.ReadFile(filepath.Join(s.dir, name+".log"))
			s.t.Fatalf("node %s: no sshd listens: %v\n%s", name, err, log)
		}
		s.pause()
	}
}

// pause waits for a moment in which the kernel may do what there is no event for.
func (s *site) pause() { s.sh("sleep", "0.05") }

// kill is a power cut: the node's init and all that it runs are gone at once.
func (s *site) kill(name string) {
	s.t.Helper()
	n := s.nodes[name]
	must(s.t, syscall.Kill(-n.cmd.Process.Pid, syscall.SIGKILL))
	n.cmd.Wait()
}

func (s *site) close() {
	for name := range s.nodes {
		if s.nodes[name].cmd.ProcessState == nil {
			s.kill(name)
		}
		// The links go at once: with their network namespace they would go some time later, when another test has begun.
		s.script(fmt.Sprintf("for l in v%[1]s w%[1]s; do ip link del $l 2>/dev/null || :; done; ip netns del %[1]s", name))
	}
	s.sh("umount", "-l", "/run")
}

// result is the end of apply.
type result struct {
	code           int
	stdout, stderr string
	took           time.Duration
}

// run runs apply at the seat.
func (s *site) run(args ...string) result {
	s.t.Helper()
	cmd := s.command(args...)
	var out, messages bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &messages
	start := time.Now()
	err := cmd.Run()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		s.t.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), messages.String(), time.Since(start)}
}

func (s *site) command(args ...string) *exec.Cmd {
	cmd := exec.Command(s.apply, args...)
	cmd.Dir = s.dir
	cmd.Env = []string{"HOME=" + filepath.Join(s.dir, "home"), "PATH=" + os.Getenv("PATH"), "APPLY_STATE_DIR=" + filepath.Join(s.dir, "state")}
	cmd.Env = append(cmd.Env, s.env...)
	return cmd
}

func (s *site) write(name, text string) {
	s.t.Helper()
	file := filepath.Join(s.dir, name)
	must(s.t, os.MkdirAll(filepath.Dir(file), 0o755))
	must(s.t, os.WriteFile(file, []byte(text), 0o600))
}

func (s *site) sh(argv ...string) string {
	s.t.Helper()
	out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("%s: %v\n%s", strings.Join(argv, " "), err, out)
	}
	return string(out)
}

func (s *site) script(text string) { s.t.Helper(); s.sh("sh", "-c", text) }

// silent listens on an address of the seat's bridge as a node would that accepts and says nothing.
func (s *site) silent(address string) {
	s.t.Helper()
	s.sh("ip", "addr", "add", address+"/16", "dev", "br0")
	ln, err := net.Listen("tcp", address+":22")
	must(s.t, err)
	s.t.Cleanup(func() { ln.Close() })
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
