package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/bench/figures"
	"github.com/nodeapply/apply/bench/floor"
	"github.com/nodeapply/apply/bench/state"
	"github.com/nodeapply/apply/bench/tool"
)

// shape measures the floors and all tools with one shape of one size.
func (b *bench) shape(shape string, n int) error {
	s := &state.State{Shape: shape, N: n, Root: filepath.Join(b.dir, "root"), Sources: filepath.Join(b.dir, "sources")}
	if err := s.Prepare(); err != nil {
		return err
	}
	defer os.RemoveAll(s.Sources)
	defer os.RemoveAll(s.Root)
	if n > 0 {
		if err := b.floors(s); err != nil {
			return err
		}
	}
	for _, t := range b.tools {
		if why := b.results.GaveUp(t.Name(), shape, n, b.budget); why != "" {
			b.results.Put(figures.Cell{Tool: t.Name(), Shape: shape, N: n, Why: why})
			continue
		}
		c, err := b.tool(t, s)
		switch {
		case b.ctx.Err() != nil:
			return b.ctx.Err()
		case errors.Is(err, errBudget), errors.Is(err, tool.ErrUnsupported):
			c.Why = err.Error()
		case err != nil:
			c.Why = "failed: " + err.Error()
		}
		b.results.Put(c)
		log.Printf("%-8s %6d %-9s first %7.3f s, %7.3f CPU; again %7.3f s, %7.3f CPU, %d KiB  %s", shape, n, t.Name(), c.First.Wall, c.First.CPU, c.Again.Wall, c.Again.CPU, c.Again.RSS, c.Why)
	}
	return nil
}

// floors measures what no program can go below.
func (b *bench) floors(s *state.State) error {
	args := []string{"-shape", s.Shape, "-n", strconv.Itoa(s.N), "-root", s.Root, "-sources", s.Sources}
	made := func(program, how string) (floor.Cost, error) {
		c, err := b.repeat(func() (floor.Cost, error) {
			if err := b.clear(s); err != nil {
				return floor.Cost{}, err
			}
			return b.floor(program, append(args, how)...)
		})
		if errors.Is(err, errBudget) {
			err = nil
		}
		return c, err
	}
	var f figures.Floors
	var err error
	if f.Durable, err = made("durable", "one"); err != nil {
		return err
	}
	if f.Each, err = made("durable", "each"); err != nil {
		return err
	}
	if f.First, err = made("physical", "make"); err != nil {
		return err
	}
	if err := s.Verify(); err != nil {
		return err
	}
	if f.Again, err = b.repeat(func() (floor.Cost, error) { return b.floor("physical", append(args, "check")...) }); err != nil {
		return err
	}
	manifests := filepath.Join(b.dir, "apply")
	err = tool.Apply{}.Write(manifests, s)
	if err == nil {
		f.Language, err = b.repeat(func() (floor.Cost, error) { return b.floor("language", filepath.Join(manifests, "manifest")) })
	}
	if err != nil && !errors.Is(err, tool.ErrUnsupported) {
		return err
	}
	f.Shape, f.N = s.Shape, s.N
	b.results.PutFloors(f)
	log.Printf("%-8s %6d floors    physical %.4f CPU, first %.4f; durable %.3f s, each %.3f s; language %.4f CPU", s.Shape, s.N, f.Again.CPU, f.First.CPU, f.Durable.Wall, f.Each.Wall, f.Language.CPU)
	return nil
}

// clear takes the state away, and lets what was written before reach the disk.
func (b *bench) clear(s *state.State) error {
	if err := s.Clear(); err != nil {
		return err
	}
	unix.Sync()
	return nil
}

// tool measures one tool with one state.
func (b *bench) tool(t tool.Tool, s *state.State) (c figures.Cell, err error) {
	c = figures.Cell{Tool: t.Name(), Shape: s.Shape, N: s.N}
	dir := filepath.Join(b.dir, t.Name())
	if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700)); err != nil {
		return c, err
	}
	if err := t.Write(dir, s); err != nil {
		return c, err
	}
	c.First, err = b.repeat(func() (floor.Cost, error) {
		if err := b.clear(s); err != nil {
			return floor.Cost{}, err
		}
		return b.once(t, dir, s.N > 0)
	})
	if err != nil {
		return c, fmt.Errorf("first run: %w", err)
	}
	if s.N > 0 {
		if err := s.Verify(); err != nil {
			return c, fmt.Errorf("after the first run: %w", err)
		}
	}
	if err := b.again(t, s, dir, &c); err != nil {
		return c, err
	}
	if s.N == 0 {
		return c, nil
	}
	c.Repair, err = b.repeat(func() (floor.Cost, error) {
		if err := s.Drift(); err != nil {
			return floor.Cost{}, err
		}
		return b.once(t, dir, true)
	})
	if err == nil {
		err = s.Verify()
	}
	if err != nil {
		return c, fmt.Errorf("repair: %w", err)
	}
	if t.Name() == "apply" {
		err = b.details(t, s, dir, &c)
	}
	return c, err
}

// again measures runs with nothing to do, and checks that they did nothing.
func (b *bench) again(t tool.Tool, s *state.State, dir string, c *figures.Cell) error {
	if s.N == 0 {
		if err := os.MkdirAll(s.Root, 0o755); err != nil {
			return err
		}
	}
	if _, err := s.Inodes(); err != nil { // looks into each folder, which is read after that already
		return err
	}
	before, err := s.Inodes()
	if err != nil {
		return err
	}
	c.Again, err = b.repeat(func() (floor.Cost, error) { return b.once(t, dir, false) })
	if err != nil {
		return fmt.Errorf("nothing to do: %w", err)
	}
	after, err := s.Inodes()
	c.Touched, c.Read = state.Touched(before, after)
	return err
}

// once is one run, which must report a change or none.
func (b *bench) once(t tool.Tool, dir string, changes bool) (floor.Cost, error) {
	args, env := t.Command(dir)
	r, err := b.run(b.budget, env, args...)
	if err != nil {
		return r.Cost, err
	}
	ok, changed := t.Ended(r.Exit, r.Out)
	if !ok {
		return r.Cost, fmt.Errorf("exit code %d: %s", r.Exit, tail(bytes.TrimSpace(r.Out), 300))
	}
	if changed != changes {
		return r.Cost, fmt.Errorf("reports a change: %v, want %v: %s", changed, changes, tail(bytes.TrimSpace(r.Out), 300))
	}
	return r.Cost, nil
}

// details counts processes of a run with nothing to do, and measures memory.
func (b *bench) details(t tool.Tool, s *state.State, dir string, c *figures.Cell) error {
	args, env := t.Command(dir)
	trace := filepath.Join(b.dir, "strace")
	if s.N <= 10_000 {
		if _, err := b.run(b.budget, env, append([]string{"strace", "-f", "-qq", "-e", "trace=execve", "-o", trace}, args...)...); err != nil {
			return err
		}
		lines, err := os.ReadFile(trace)
		if err != nil {
			return err
		}
		c.Processes = bytes.Count(lines, []byte("execve(")) - 1
	}
	r, err := b.run(b.budget, env, b.program("memory"), args[len(args)-1])
	if err == nil && r.Exit != 0 {
		err = fmt.Errorf("memory: %s", r.Out)
	}
	if err != nil {
		return err
	}
	var use struct{ Resources, Tree, Whole int64 }
	if err := json.Unmarshal(r.Out, &use); err != nil {
		return err
	}
	c.PerResource = (use.Whole - use.Tree) / max(use.Resources, 1)
	return nil
}
