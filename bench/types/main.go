// Command types measures what single resources take that handle much: a command that prints gigabytes, trees of very many files. It writes the
// README.md beside it.
//
// It runs the real program, built from this repository, in a folder of its own below the one for temporary files, which it removes.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/nodeapply/apply/bench/floor"
	"github.com/nodeapply/apply/bench/setup"
)

func main() {
	gib := flag.Int("gib", 5, "GiB that the commands print")
	files := flag.Int("files", 100_000, "files of the trees")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := measure(ctx, *gib, *files); err != nil {
		fmt.Fprintln(os.Stderr, "types:", err)
		os.Exit(1)
	}
}

// longest is what one run may take.
const longest = 10 * time.Minute

type bench struct {
	dir     string // of everything
	program string
	rows    []string
}

func measure(ctx context.Context, gib, files int) (err error) {
	b := &bench{}
	if b.dir, err = os.MkdirTemp("", "apply-bench-types-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	b.program = filepath.Join(b.dir, "apply")
	if err := setup.Build(ctx, b.program, "./cmd/apply"); err != nil {
		return err
	}
	machine := setup.Machine()
	if err := b.flood(ctx, gib); err != nil {
		return err
	}
	if err := b.trees(ctx, files); err != nil {
		return err
	}
	return os.WriteFile("bench/types/README.md", []byte(head+machine+"\n\n| what | wall s | processor s | peak MiB |\n|:--|--:|--:|--:|\n"+strings.Join(b.rows, "\n")+"\n"), 0o644)
}

// flood is output without line ends, and of short lines.
func (b *bench) flood(ctx context.Context, gib int) error {
	for _, c := range []struct{ what, command string }{
		{"without a line end", fmt.Sprintf("head -c %dG /dev/zero", gib)},
		{"of lines of two bytes", fmt.Sprintf("yes | head -c %dG", gib)},
	} {
		manifest := fmt.Sprintf("exec \"flood\" {\n  command = %q\n}\n", c.command)
		if err := b.run(ctx, fmt.Sprintf("a command that prints %d GiB %s", gib, c.what), 2, manifest); err != nil {
			return err
		}
	}
	return nil
}

// perFolder is how many files a folder of the trees has.
const perFolder = 1000

// trees copies a tree, finds nothing to do, and purges as many files that nobody declared.
func (b *bench) trees(ctx context.Context, files int) error {
	source, target := filepath.Join(b.dir, "source"), filepath.Join(b.dir, "target")
	if err := plant(source, files); err != nil {
		return err
	}
	copied := fmt.Sprintf("file %q {\n  source  = %q\n  recurse = true\n}\n", target, source)
	if err := b.run(ctx, fmt.Sprintf("a folder with %d files, copied", files), 2, copied); err != nil {
		return err
	}
	if err := b.run(ctx, "the same again, nothing to do", 0, copied); err != nil {
		return err
	}
	if err := os.RemoveAll(source); err != nil {
		return err
	}
	purged := fmt.Sprintf("file %q {\n  recurse = true\n  purge   = true\n  force   = true\n  backup  = false\n}\n", target)
	if err := b.run(ctx, "what is not declared in it purged, planned", 2, purged, "plan"); err != nil {
		return err
	}
	return b.run(ctx, fmt.Sprintf("a folder with %d files, purged", files), 2, purged)
}

// plant makes files of 1 KiB, each with other content.
func plant(dir string, files int) error {
	content := bytes.Repeat([]byte("x"), 1024)
	for i := range files {
		folder := filepath.Join(dir, fmt.Sprintf("%04d", i/perFolder))
		if i%perFolder == 0 {
			if err := os.MkdirAll(folder, 0o755); err != nil {
				return err
			}
		}
		copy(content, fmt.Sprintf("%d\n", i))
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("%06d", i)), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// run measures one run of the program with a manifest; another exit code than want is an error.
func (b *bench) run(ctx context.Context, what string, want int, manifest string, verb ...string) error {
	name := filepath.Join(b.dir, "main.hcl")
	if err := os.WriteFile(name, []byte(manifest), 0o644); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	cmd := exec.CommandContext(ctx, b.program, append(verb, "--state-dir", filepath.Join(b.dir, "state"), "--detailed-exitcode", "--timeout", "10m", name)...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	start := time.Now()
	err := cmd.Run()
	wall := time.Since(start)
	if cmd.ProcessState == nil {
		return err
	}
	if got := cmd.ProcessState.ExitCode(); got != want {
		return fmt.Errorf("%s: exit code %d, want %d: %.2000s", what, got, want, out.String())
	}
	c, err := floor.CostOf(cmd.ProcessState, wall)
	if err != nil {
		return err
	}
	b.rows = append(b.rows, fmt.Sprintf("| %s | %.2f | %.2f | %d |", what, c.Wall, c.CPU, c.RSS>>10))
	fmt.Fprintln(os.Stderr, b.rows[len(b.rows)-1])
	return nil
}

const head = `# Much at once

What one resource takes that handles very much: the time and the processor time of the whole run, the commands that it starts included, and its
peak of memory. That does not depend on the bytes of output, nor on the files of a folder that is as declared; of what a run changes it keeps the
names, and of a folder that is removed the records, until the journal has them. Files are 1 KiB each, all different, a thousand in each folder below; what is purged is kept for undo.

    go run ./bench/types        from the root of the repository, a few minutes

`
