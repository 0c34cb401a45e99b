package fleet_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// measured is one program doing one thing on so many nodes.
type measured struct {
	What    string  `json:"what"` // exec, put, put 200 Mbit/s
	Nodes   int     `json:"nodes"`
	Tool    string  `json:"tool"`
	Wall    float64 `json:"wall_s"`
	CPU     float64 `json:"cpu_s"` // of the seat: the program and the processes that it started here
	MaxRSS  int64   `json:"max_rss_kib"`
	Right   int     `json:"right"` // nodes on which what was asked for is there
	Problem string  `json:"problem,omitempty"`
}

// benchLimit is how long one measurement may take.
const benchLimit = 2 * time.Minute

// benchSize is how much a put brings, in bytes.
const benchSize = 20_000_000

// TestBench measures the fleet's commands beside other programs', on the same sshd processes, and writes what came out to the file that the environment
// names. It is no test of anything else.
func TestBench(t *testing.T) {
	out := os.Getenv("APPLY_FLEET_BENCH")
	if out == "" {
		t.Skip("APPLY_FLEET_BENCH is not set: nothing is measured")
	}
	counts := []int{4, 32, 128}
	if text := os.Getenv("APPLY_FLEET_BENCH_NODES"); text != "" {
		counts = nil
		for _, f := range strings.Fields(text) {
			n, err := strconv.Atoi(f)
			must(t, err)
			counts = append(counts, n)
		}
	}
	s := newSite(t)
	most := counts[len(counts)-1]
	for i := range most {
		s.start(fmt.Sprint("n", i+1), s.agentConfig())
	}
	names := make([]string, most)
	for i := range most {
		names[i] = fmt.Sprint("n", i+1)
		s.await(names[i])
	}
	b := &bench{site: s, file: filepath.Join(s.dir, "file")}
	b.prepare()
	var results []measured
	keep := func(m measured) {
		t.Logf("%-16s %4d nodes %-8s wall %7.2f s, cpu %7.2f s, %6d KiB, right on %d %s", m.What, m.Nodes, m.Tool, m.Wall, m.CPU, m.MaxRSS, m.Right, m.Problem)
		results = append(results, m)
		text, err := json.MarshalIndent(results, "", " ")
		must(t, err)
		must(t, os.WriteFile(out, append(text, '\n'), 0o644))
	}
	only := os.Getenv("APPLY_FLEET_BENCH_TOOLS") // "" for all
	asked := func(tool string) bool { return only == "" || slices.Contains(strings.Fields(only), tool) }
	tools := slices.DeleteFunc(slices.Clone(tools), func(tool string) bool { return !asked(tool) })
	for _, n := range counts {
		for _, tool := range tools {
			keep(b.exec(n, tool))
		}
	}
	if asked("agents") {
		s.agents(fmt.Sprintf("n[1-%d]", most), names)
		for _, n := range counts {
			keep(b.exec(n, "agents"))
		}
		s.script("for p in $(pgrep -f '^[^ ]*apply agent serve'); do kill $p; done") // in this namespace of processes are no others
	}
	for _, rate := range []string{"", "200mbit"} {
		what := "put"
		if rate != "" {
			what = "put 200 Mbit/s"
			b.limit(most, rate)
		}
		for _, n := range counts {
			if n < 32 && most >= 32 {
				continue
			}
			if rate == "" && asked("disk") {
				keep(b.disk(n, false))
				keep(b.disk(n, true))
			}
			for _, tool := range tools {
				keep(b.put(what, n, tool))
			}
		}
	}
}

// bench is a site with what other programs need to know of it.
type bench struct {
	*site
	file string
}

var tools = []string{"apply", "taktuk", "pdsh", "clush", "ansible"}

// prepare writes the settings by which other programs reach the nodes as strictly as apply does.
func (b *bench) prepare() {
	b.write("ssh_config", fmt.Sprintf("Host *\n  User root\n  IdentityFile %[1]s/user_key\n  IdentitiesOnly yes\n  UserKnownHostsFile %[1]s/home/.ssh/known_hosts\n"+
		"  GlobalKnownHostsFile none\n  StrictHostKeyChecking yes\n  BatchMode yes\n  LogLevel ERROR\n", b.dir))
	b.write("ansible.cfg", "[defaults]\nhost_key_checking = True\ninterpreter_python = /usr/bin/python3\n[ssh_connection]\nssh_args = -F "+b.dir+"/ssh_config\npipelining = True\n")
	b.sh("sh", "-c", fmt.Sprintf(`head -c %d /dev/urandom >"$1"`, benchSize), "file", b.file)
}

// limit bounds every uplink: the seat's and the nodes'.
func (b *bench) limit(nodes int, rate string) {
	tbf := "root tbf rate " + rate + " burst 256kb latency 100ms"
	b.script("tc qdisc replace dev br0 " + tbf)
	for i := range nodes {
		b.script(fmt.Sprintf("tc -n n%d qdisc replace dev eth0 %s", i+1, tbf))
	}
}

func (b *bench) exec(n int, tool string) measured {
	set, hosts := fmt.Sprintf("10.9.0.[1-%d]", n), b.hosts(n)
	ssh := "-F " + b.dir + "/ssh_config"
	argv := map[string][]string{
		"apply":   {b.apply, "fleet", "exec", "-w", fmt.Sprintf("n[1-%d]", n), "--connect-timeout", "60s", "--", "hostname"},
		"agents":  {b.apply, "fleet", "exec", "--agent", "-w", fmt.Sprintf("n[1-%d]", n), "--connect-timeout", "60s", "--", "hostname"},
		"taktuk":  append(append([]string{"taktuk", "-s", "-c", "ssh " + ssh}, hosts...), "broadcast", "exec", "[", "hostname", "]"),
		"pdsh":    {"pdsh", "-R", "ssh", "-f", "64", "-w", set, "hostname"},
		"clush":   {"clush", "-f", "64", "-o", ssh, "-w", set, "hostname"},
		"ansible": {"ansible", "all", "-f", "64", "-i", b.list(n), "-m", "raw", "-a", "hostname"},
	}[tool]
	m := measured{What: "exec hostname", Nodes: n, Tool: tool}
	text := b.measure(&m, argv)
	for i := range n {
		name := fmt.Sprint("n", i+1)
		for line := range strings.Lines(text) {
			if f := strings.Fields(line); len(f) > 0 && f[len(f)-1] == name {
				m.Right++
				break
			}
		}
	}
	return m
}

func (b *bench) put(what string, n int, tool string) measured {
	set, hosts := fmt.Sprintf("10.9.0.[1-%d]", n), b.hosts(n)
	ssh := "-F " + b.dir + "/ssh_config"
	argv := map[string][]string{
		"apply":   {b.apply, "fleet", "put", "-w", fmt.Sprintf("n[1-%d]", n), "--connect-timeout", "60s", b.file, "/srv/f"},
		"taktuk":  append(append([]string{"taktuk", "-s", "-c", "ssh " + ssh}, hosts...), "broadcast", "put", "[", b.file, "]", "[", "/srv/f", "]"),
		"pdsh":    {"pdcp", "-R", "ssh", "-f", "64", "-w", set, b.file, "/srv/f"},
		"clush":   {"clush", "-f", "64", "-o", ssh, "-w", set, "--copy", b.file, "--dest", "/srv/f"},
		"ansible": {"ansible", "all", "-f", "64", "-i", b.list(n), "-m", "copy", "-a", "src=" + b.file + " dest=/srv/f"},
	}[tool]
	for i := range n {
		os.Remove(b.srv(fmt.Sprint("n", i+1)) + "/f")
	}
	if tool == "apply" { // the program is on the nodes already, as it is after the first time; that costs what a put of its size does
		var warm measured
		small := filepath.Join(b.dir, "ssh_config")
		b.measure(&warm, []string{b.apply, "fleet", "put", "-w", fmt.Sprintf("n[1-%d]", n), "--connect-timeout", "60s", small, "/srv/warm"})
	}
	m := measured{What: what + " 20 MB", Nodes: n, Tool: tool}
	b.measure(&m, argv)
	m.Right = b.arrived(n)
	return m
}

// disk writes the file to the nodes' folders with no fleet at all: what no put on one machine can go below.
func (b *bench) disk(n int, durable bool) measured {
	tool, how := "dd", ""
	if durable {
		tool, how = "dd conv=fsync", "conv=fsync"
	}
	m := measured{What: "put 20 MB", Nodes: n, Tool: tool}
	script := fmt.Sprintf(`for i in $(seq %d); do dd if=%s of=root-n$i/srv/f bs=256k %s 2>/dev/null & done; wait`, n, b.file, how)
	for i := range n {
		os.Remove(b.srv(fmt.Sprint("n", i+1)) + "/f")
	}
	b.measure(&m, []string{"sh", "-c", script})
	m.Right = b.arrived(n)
	return m
}

// arrived is on how many nodes the file is.
func (b *bench) arrived(n int) (right int) {
	for i := range n {
		if exec.Command("cmp", "-s", b.file, b.srv(fmt.Sprint("n", i+1))+"/f").Run() == nil {
			right++
		}
	}
	return right
}

// hosts are the nodes as taktuk's arguments.
func (b *bench) hosts(n int) (args []string) {
	for i := range n {
		args = append(args, "-m", fmt.Sprintf("10.9.0.%d", i+1))
	}
	return args
}

// list is a file with the nodes, one a line.
func (b *bench) list(n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "10.9.0.%d\n", i+1)
	}
	b.write("hosts", text.String())
	return filepath.Join(b.dir, "hosts")
}

// measure runs a program until it ends, or its time does, and returns what it printed.
func (b *bench) measure(m *measured, argv []string) string {
	if _, err := exec.LookPath(argv[0]); err != nil {
		m.Problem = "is not installed"
		return ""
	}
	ctx, cancel := context.WithTimeout(context.Background(), benchLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = b.dir
	cmd.Env = append(b.command().Env, "PDSH_SSH_ARGS_APPEND=-F "+b.dir+"/ssh_config", "ANSIBLE_CONFIG="+b.dir+"/ansible.cfg", "LC_ALL=C.UTF-8")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	var out, messages bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &messages
	start := time.Now()
	err := cmd.Run()
	m.Wall = time.Since(start).Seconds()
	switch {
	case ctx.Err() != nil:
		m.Problem = fmt.Sprintf("not done after %v", benchLimit)
	case err != nil || messages.Len() > 0 && argv[0] == "taktuk":
		last := strings.Split(strings.TrimSpace(messages.String()), "\n")
		m.Problem = fmt.Sprintf("%v: %.80s", err, last[len(last)-1])
	}
	if cmd.ProcessState != nil {
		m.CPU = (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
		m.MaxRSS = cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss
	}
	return out.String()
}
