// Command bench brings this machine to the same desired states with apply and with its peers, beside the floors that no program of its kind
// can go below, checks what came of it, and writes README.md. It needs root, and installs the peers that Debian has.
//
//	go run ./bench          all shapes and sizes
//	go run ./bench -quick   small sizes, one run each
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/bench/figures"
	"github.com/nodeapply/apply/bench/setup"
	"github.com/nodeapply/apply/bench/state"
	"github.com/nodeapply/apply/bench/tool"
)

// bench is one series of measurements.
type bench struct {
	ctx      context.Context
	self     string // this program
	dir      string // for all that is made
	bin      string // the folder of apply and the floors
	budget   time.Duration
	patience time.Duration // once runs have taken this long together, one is not repeated any more
	repeats  int
	tools    []tool.Tool
	results  *figures.Results
	out      string // the folder of results.json and README.md
}

func main() {
	log.SetFlags(0)
	if len(os.Args) > 2 && os.Args[1] == measureWord {
		if err := measureOne(os.Args[2:]); err != nil {
			log.Fatal(err)
		}
		return
	}
	if err := all(); err != nil {
		log.Fatal(err)
	}
}

func all() error {
	quick := flag.Bool("quick", false, "sizes to 100, one run each")
	sizes := flag.String("sizes", "1,100,1000,10000,100000", "how many resources, a list")
	shapes := flag.String("shapes", strings.Join(state.Shapes(), ","), "which shapes, a list")
	tools := flag.String("tools", "apply,puppet,ansible,cfengine,itamae", "which tools, a list; \"\" for the floors alone")
	budget := flag.Duration("budget", 5*time.Minute, "how long a run may take; a tool that needs longer is not given more resources")
	patience := flag.Duration("patience", 20*time.Second, "how long one figure may take before it is not measured again for the median")
	repeats := flag.Int("repeats", 5, "how often each figure is measured")
	parent := flag.String("dir", "/var/tmp", "the `folder` in which a file system of its own is made")
	out := flag.String("out", "bench", "the `folder` of results.json and README.md; what is not measured again stays")
	flag.Parse()
	if *quick {
		*sizes, *budget, *repeats = "1,100", 30*time.Second, 1
	}
	if os.Geteuid() != 0 {
		return errors.New("the benchmarks need root: packages are installed, and files belong to it")
	}
	if os.Getenv(aloneEnv) == "" {
		return alone()
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	b := &bench{ctx: ctx, budget: *budget, patience: *patience, repeats: *repeats, out: *out}
	var err error
	if b.self, err = os.Executable(); err != nil {
		return err
	}
	if b.dir, err = mount(ctx, *parent); err != nil {
		return err
	}
	err = b.series(strings.Split(*tools, ","), strings.Split(*shapes, ","), *sizes)
	return errors.Join(err, syscall.Unmount(b.dir, unix.MNT_DETACH), os.Remove(b.dir))
}

// series measures tools with shapes and sizes.
func (b *bench) series(tools, shapes []string, sizes string) error {
	if err := b.build(); err != nil {
		return err
	}
	if err := b.choose(tools); err != nil {
		return err
	}
	var err error
	if b.results, err = figures.Load(b.out); err != nil {
		return err
	}
	b.results.Machine = setup.Machine()
	return b.all(shapes, sizes)
}

func (b *bench) all(shapes []string, sizes string) error {
	var names []string
	for _, t := range b.tools {
		names = append(names, t.Name())
	}
	for _, shape := range shapes {
		b.results.ForgetReasons(shape, names)
		for n := range strings.SplitSeq(sizes, ",") {
			size, err := strconv.Atoi(n)
			if err != nil {
				return err
			}
			switch shape {
			case state.Nothing:
				size = 0
			case state.Big:
				size = 8
			}
			if err := errors.Join(b.shape(shape, size), b.results.Save(b.out)); err != nil {
				return err
			}
			if shape == state.Nothing || shape == state.Big {
				break
			}
		}
	}
	return nil
}

// programs are built before anything is measured.
var programs = []string{"./cmd/apply", "./bench/floor/physical", "./bench/floor/durable", "./bench/floor/language", "./bench/memory"}

func (b *bench) build() error {
	b.bin = filepath.Join(b.dir, "bin")
	return setup.Build(b.ctx, b.bin+"/", programs...)
}

func (b *bench) program(name string) string { return filepath.Join(b.bin, name) }

// packages are where Debian has the peers.
var packages = map[string]string{"puppet": "puppet-agent", "ansible": "ansible-core", "cfengine": "cfengine3", "itamae": "itamae"}

// choose takes the tools of the names given, and installs the peers that are not there.
func (b *bench) choose(names []string) error {
	missing := []string{"install", "-y", "--no-install-recommends"}
	for _, t := range append([]tool.Tool{tool.Apply{Path: b.program("apply")}}, tool.Peers()...) {
		if !slices.Contains(names, t.Name()) {
			continue
		}
		b.tools = append(b.tools, t)
		if _, err := exec.LookPath(t.Program()); err != nil {
			missing = append(missing, packages[t.Name()])
		}
	}
	if len(missing) == 3 {
		return nil
	}
	cmd := exec.CommandContext(b.ctx, "apt-get", missing...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("apt-get: %w: %s", err, tail(out, 1000))
	}
	return nil
}
