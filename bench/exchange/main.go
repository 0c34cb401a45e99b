// Command exchange measures how fast facts that nodes export reach those that wait for them, over the embedded exchange and over three etcd, each
// with all its fsyncs, and writes README.md. The nodes are simulated: each has a connection, a certificate and a view of its own, in this process.
//
//	go run ./bench/exchange             1,000 nodes
//	go run ./bench/exchange -nodes 100
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/nodeapply/apply/bench/setup"
)

func main() {
	log.SetFlags(0)
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	nodes := flag.Int("nodes", 1000, "how many nodes export and wait for all")
	waits := flag.Int("waits", 1000, "how many times one node waits for another")
	parent := flag.String("dir", "/var/tmp", "where a `folder` for the servers' data is made: on a disk, or an fsync costs nothing")
	out := flag.String("out", "bench/exchange/README.md", "the `file` of the table; \"\": none")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir, err := os.MkdirTemp(*parent, "apply-bench-exchange-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	machine := setup.Machine()
	var rows []row
	for _, start := range []func(context.Context, string) (*service, error){startEmbedded, startEtcd} {
		r, err := measure(ctx, filepath.Join(dir, fmt.Sprint(len(rows))), start, *nodes, *waits)
		if err != nil {
			return err
		}
		log.Printf("%+v", r)
		rows = append(rows, r)
	}
	if *out == "" {
		return nil
	}
	return setup.WritePage(*out, readme(rows, *nodes, *waits, machine), byHand)
}

// byHand is the heading from which on README.md is not written by this program.
const byHand = "## Other runs"

// row is what was measured of one driver.
type row struct {
	name     string
	p50, p99 time.Duration // from the write of a fact to the end of a wait for it
	all      time.Duration // until all nodes had seen all
	memory   int           // most resident memory of the servers together, KiB
	cpu      time.Duration // of the servers together, for all nodes
}

func measure(ctx context.Context, dir string, start func(context.Context, string) (*service, error), nodes, waits int) (r row, err error) {
	s, err := start(ctx, dir)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	r.name = s.name
	if r.p50, r.p99, err = released(ctx, s, waits); err != nil {
		return r, fmt.Errorf("%s: %w", s.name, err)
	}
	before, err := s.cpu()
	if err != nil {
		return r, err
	}
	if r.all, err = allForAll(ctx, s, nodes); err != nil {
		return r, fmt.Errorf("%s: %w", s.name, err)
	}
	if r.cpu, err = s.cpu(); err != nil {
		return r, err
	}
	r.cpu -= before
	r.memory, err = s.memory()
	return r, err
}

func readme(rows []row, nodes, waits int, machine string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# How fast facts travel

    make bench-exchange

*Released* is the time from the write of a fact on one node to the end of a wait for it on another that has been waiting: of %d such waits, one after the
other. *All for all*: %d nodes join at the same time, export ten facts each, and each waits for the last fact of all of them; the time is from the first
join to the last end, with the processor time and the most memory of the servers (of all three members of the cluster together). The nodes are
simulated in one process on the same machine, each with a connection and a view of its own (and a certificate, embedded), so most of the
time is theirs: every one of them takes in and judges what all the others write. Every write is on disk before it is acknowledged.

%s

| exchange | released p50 | p99 | all for all | servers' processor time | servers' memory |
|--:|--:|--:|--:|--:|--:|
`, waits, nodes, machine)
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | %.1f ms | %.1f ms | %.1f s | %.1f s | %d MiB |\n", r.name,
			float64(r.p50.Microseconds())/1000, float64(r.p99.Microseconds())/1000, r.all.Seconds(), r.cpu.Seconds(), r.memory>>10)
	}
	return b.String()
}
