// Command fleet measures apply's fleet beside taktuk, pdsh, clush and ansible on one machine, and writes bench/fleet/README.md and results.json. It is run by
// make bench-fleet, as root: twenty minutes on two processors. APPLY_FLEET_BENCH_NODES="32 128" and
// APPLY_FLEET_BENCH_TOOLS="apply taktuk pdsh clush ansible agents disk" measure a part alone; of the rest what was measured before stays, with its date.
// With -render it only writes README.md anew, from results.json.
package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/nodeapply/apply/bench/setup"
)

func main() {
	render := flag.Bool("render", false, "measure nothing")
	flag.Parse()
	if err := run(*render); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// row is one measurement, as the lab writes it.
type row struct {
	What    string  `json:"what"`
	Nodes   int     `json:"nodes"`
	Tool    string  `json:"tool"`
	Wall    float64 `json:"wall_s"`
	CPU     float64 `json:"cpu_s"`
	MaxRSS  int64   `json:"max_rss_kib"`
	Right   int     `json:"right"`
	Problem string  `json:"problem,omitempty"`
	Date    string  `json:"date,omitempty"` // where it was measured before the others
}

// results are all measurements, and when they were made.
type results struct {
	Date   string `json:"date"`
	CPUs   int    `json:"cpus"`
	Before string `json:"load_before"`
	After  string `json:"load_after"`
	Rows   []row  `json:"rows"`
}

const resultsFile = "bench/fleet/results.json"

func run(render bool) error {
	if !render {
		if err := measure(); err != nil {
			return err
		}
	}
	r, err := readResults()
	if err != nil {
		return err
	}
	return os.WriteFile("bench/fleet/README.md", r.page(), 0o644)
}

func readResults() (r results, err error) {
	text, err := os.ReadFile(resultsFile)
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return r, fmt.Errorf("%s: %w", resultsFile, err)
	}
	return r, nil
}

// The order in which measurements are shown.
var (
	whats = [...]string{"exec hostname", "put 20 MB", "put 200 Mbit/s 20 MB"}
	tools = [...]string{"dd", "dd conv=fsync", "apply", "agents", "taktuk", "pdsh", "clush", "ansible"}
)

// joined are the rows of a run, and those of earlier ones that it has not measured anew.
func joined(before, now results) []row {
	rows := slices.Clone(now.Rows)
	for _, old := range before.Rows {
		if slices.ContainsFunc(now.Rows, func(r row) bool { return r.What == old.What && r.Nodes == old.Nodes && r.Tool == old.Tool }) {
			continue
		}
		old.Date = cmp.Or(old.Date, before.Date)
		rows = append(rows, old)
	}
	slices.SortStableFunc(rows, func(a, b row) int {
		return cmp.Or(slices.Index(whats[:], a.What)-slices.Index(whats[:], b.What), a.Nodes-b.Nodes, slices.Index(tools[:], a.Tool)-slices.Index(tools[:], b.Tool))
	})
	return rows
}

// measure has the lab measure, and keeps what it writes.
func measure() error {
	dir, err := os.MkdirTemp("", "bench-fleet-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "rows.json")
	r := results{Date: time.Now().UTC().Format("2006-01-02 15:04"), CPUs: runtime.NumCPU(), Before: setup.Load()}
	cmd := exec.Command("go", "test", "./e2e/fleet", "-run", "^TestBench$", "-count=1", "-v", "-timeout", "3h")
	cmd.Env = append(os.Environ(), "APPLY_FLEET_BENCH="+file)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return err
	}
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, &r.Rows)
	}
	if err != nil {
		return err
	}
	r.After = setup.Load()
	before, err := readResults()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	r.Rows = joined(before, r)
	if text, err = json.MarshalIndent(r, "", " "); err != nil {
		return err
	}
	return os.WriteFile(resultsFile, append(text, '\n'), 0o644)
}

const intro = `# The fleet, beside others

Each program runs the same thing on the same sshd processes, one after the other on one machine: every node is an sshd in network, mount and process namespaces
of its own, on a bridge. So wall time includes the nodes' own work, on the same processors, where a fleet has as many machines as nodes; the seat's processor time
does not. It is that of the program and of the processes that it starts at the seat; memory is that of the largest of them. Host keys are checked strictly by all.
Right is on how many nodes what was asked for is there afterwards, content compared. A put is of 20 MB of random bytes; with 200 Mbit/s, the seat's uplink and each
node's are bounded by a token bucket. apply is on the nodes before its put is measured, as it is after the first time.

Agents are ` + "`apply fleet exec --agent`" + `: no ssh, but mutual TLS, a signature for each command and an audit (in memory here, as all nodes share
one disk). Their peer is GEXEC, which no distribution has any more: its figure, taken elsewhere, is 0.2 to 0.4 s of the seat's processor time for 128 nodes.

What bounds a put here is the one machine, not the seat: neither processor is ever idle. dd is the floor: so many processes at once that copy the file to the nodes'
folders, on the same disk, with no network, no hash and no login; with conv=fsync it is on the disk when it ends, as it is after apply's put and nobody else's.
Of 18.9 s of processor time that 128 nodes take for a put (` + "`perf record -a`" + `), 3.2 s are sshd's logins, 3.5 s copy to the page cache as dd's do, 1.9 s are SHA-256 and 1.4 s AES (both by
the processor's own instructions), 2.0 s sockets: 12.0 s that no put has not that logs in, encrypts, verifies and writes. A tenth of TakTuk's 63 s (48.6 s on another evening, beside 11.1 s of apply) would be 12.7 s of both processors, which
leaves 0.7 s for all else: it is scheduling (2.0 s), the start of 128 programs (1.3 s), handshakes and certificates (0.8 s), copies in memory (0.6 s), reading the file again for the children
(0.4 s). So that target is not reached where all nodes share two processors. ` + "`go test ./fleet/tree -run '^$' -bench Hop`" + ` measures one hop.

By the accounting of a control group a node takes 25 ms of processor time for a login with a command, 47 ms for one with a relay and a small file, and 115 ms with 20 MB. Of the relay's own time
20 % are writes to the page cache, 10 % SHA-256 (each relay hashes each byte once), 8 % AES, 9 % sockets, 7 % page faults, 4 % signatures, 4 % copies; 7 % are sleeps and wake-ups. Of 8.8 ms for its start
4 ms are initialisers, of which 0.6 ms are this module's. What changed none of that by more than the measurement's noise: one processor for each relay, no garbage collection, chunks of 1 MiB,
certificates with P-256; without ML-KEM a handshake takes 0.8 ms, not 1.1 ms.

`

// page is the README.
func (r *results) page() []byte {
	var b bytes.Buffer
	b.WriteString(intro)
	fmt.Fprintf(&b, "Measured %s on %d processors, but for rows that say otherwise; load %s when it began and %s when it ended. `make bench-fleet` writes this anew.\n", r.Date, r.CPUs, r.Before, r.After)
	title := ""
	for _, r := range r.Rows {
		if t := fmt.Sprintf("%s, %d nodes", r.What, r.Nodes); t != title {
			title = t
			fmt.Fprintf(&b, "\n| %s | wall | seat's CPU | memory | right |\n|---|---|---|---|---|\n", title)
		}
		right := fmt.Sprint(r.Right)
		if r.Problem != "" {
			right += " (" + strings.ReplaceAll(r.Problem, "|", "/") + ")"
		}
		if r.Date != "" {
			right += ", measured " + r.Date
		}
		if r.Tool == "agents" {
			r.Tool = "apply, by agents"
		}
		fmt.Fprintf(&b, "| %s | %.2f s | %.2f s | %d MiB | %s |\n", r.Tool, r.Wall, r.CPU, r.MaxRSS>>10, right)
	}
	return b.Bytes()
}
