package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"syscall"
	"time"

	"github.com/nodeapply/apply/bench/figures"
	"github.com/nodeapply/apply/bench/floor"
)

// sample is one run of a command.
type sample struct {
	floor.Cost
	Exit int    `json:"exit"`
	Out  []byte `json:"out"`
}

// measureWord is the hidden first argument with which this program runs a command for itself.
const measureWord = "measure-one"

// measureOne runs args and prints a sample. A process of its own does so, because the memory of a process counts that of the one it was forked from.
func measureOne(args []string) error {
	cmd := exec.Command(args[0], args[1:]...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = time.Second // a daemon that a tool leaves behind
	// cf-agent makes a session of its own, which the end of the process group does not reach.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	runtime.LockOSThread() // it comes with the end of the thread that started it
	start := time.Now()
	err := cmd.Run()
	wall := time.Since(start)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) && !errors.Is(err, exec.ErrWaitDelay) {
		return err
	}
	cost, err := floor.CostOf(cmd.ProcessState, wall)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(sample{Cost: cost, Exit: cmd.ProcessState.ExitCode(), Out: tail(out.Bytes(), 64<<20)})
}

func tail(b []byte, n int) []byte { return b[max(0, len(b)-n):] }

// run measures one run of a command, at most as long as limit.
func (b *bench) run(limit time.Duration, env []string, args ...string) (sample, error) {
	ctx, cancel := context.WithTimeout(b.ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, b.self, append([]string{measureWord}, args...)...)
	cmd.Env = append([]string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8"}, env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if ctx.Err() != nil {
		return sample{}, errBudget
	}
	if err != nil {
		return sample{}, fmt.Errorf("%s: %w: %s", args[0], err, tail(stderr.Bytes(), 500))
	}
	var s sample
	return s, json.Unmarshal(out, &s)
}

// floor runs one of the floors, which counts its work alone.
func (b *bench) floor(program string, args ...string) (floor.Cost, error) {
	s, err := b.run(b.budget, nil, append([]string{b.program(program)}, args...)...)
	var c floor.Cost
	if err == nil && s.Exit != 0 {
		err = fmt.Errorf("%s: %s", program, s.Out)
	}
	if err == nil {
		err = json.Unmarshal(s.Out, &c)
	}
	return c, err
}

var errBudget = errors.New(figures.OverBudget)

// repeat measures several times, the fewer the longer it takes, and returns the medians.
func (b *bench) repeat(once func() (floor.Cost, error)) (floor.Cost, error) {
	var all []floor.Cost
	var spent float64
	for len(all) < b.repeats && (len(all) == 0 || spent < b.patience.Seconds()) {
		c, err := once()
		if err != nil {
			return c, err
		}
		all = append(all, c)
		spent += c.Wall
	}
	return floor.Cost{
		Wall: median(all, func(c floor.Cost) float64 { return c.Wall }),
		CPU:  median(all, func(c floor.Cost) float64 { return c.CPU }),
		RSS:  int64(median(all, func(c floor.Cost) float64 { return float64(c.RSS) })),
	}, nil
}

func median(all []floor.Cost, of func(floor.Cost) float64) float64 {
	var v []float64
	for _, c := range all {
		v = append(v, of(c))
	}
	slices.Sort(v)
	return v[(len(v)-1)/2]
}
