package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/bench/floor"
	"github.com/nodeapply/apply/bench/tool"
)

// cell is what one tool took for one state: medians.
type cell struct {
	Tool        string     `json:"tool"`
	Shape       string     `json:"shape"`
	N           int        `json:"n"`
	First       floor.Cost `json:"first"`
	Again       floor.Cost `json:"again"` // with nothing to do
	Repair      floor.Cost `json:"repair"`
	Touched     int        `json:"touched"`      // inodes that a run with nothing to do changed
	Read        int        `json:"read"`         // inodes of which it changed the access time alone
	Processes   int        `json:"processes"`    // that a run with nothing to do started
	PerResource int64      `json:"per_resource"` // bytes of memory, beyond HCL's syntax tree
	Why         string     `json:"why,omitempty"`
}

// floors are what no program can go below.
type floors struct {
	Shape    string     `json:"shape"`
	N        int        `json:"n"`
	First    floor.Cost `json:"first"`   // create, write, rename
	Again    floor.Cost `json:"again"`   // lstat, read, compare
	Durable  floor.Cost `json:"durable"` // First with one syncfs
	Each     floor.Cost `json:"each"`    // First with fsync each
	Language floor.Cost `json:"language"`
}

// results are all figures, of earlier calls too.
type results struct {
	Machine string   `json:"machine"`
	Cells   []cell   `json:"cells"`
	Floors  []floors `json:"floors"`
}

func load(dir string) (*results, error) {
	r := &results{}
	b, err := os.ReadFile(filepath.Join(dir, "results.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err == nil {
		err = json.Unmarshal(b, r)
	}
	return r, err
}

func (r *results) save(dir string) error {
	b, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(filepath.Join(dir, "results.json"), append(b, '\n'), 0o644), r.writeReadme(filepath.Join(dir, "README.md")))
}

func (r *results) put(c cell) {
	for i, old := range r.Cells {
		if old.Tool == c.Tool && old.Shape == c.Shape && old.N == c.N {
			r.Cells[i] = c
			return
		}
	}
	r.Cells = append(r.Cells, c)
}

func (r *results) putFloors(f floors) {
	for i, old := range r.Floors {
		if old.Shape == f.Shape && old.N == f.N {
			r.Floors[i] = f
			return
		}
	}
	r.Floors = append(r.Floors, f)
}

// get returns a cell with figures.
func (r *results) get(tool, shape string, n int) (cell, bool) {
	for _, c := range r.Cells {
		if c.Tool == tool && c.Shape == shape && c.N == n {
			return c, c.Why == ""
		}
	}
	return cell{}, false
}

func (r *results) floors(shape string, n int) (floors, bool) {
	for _, f := range r.Floors {
		if f.Shape == shape && f.N == n {
			return f, true
		}
	}
	return floors{}, false
}

const overBudget = "over the budget"

// gaveUp says why a tool is not given n resources of a shape: it needed longer than the budget for fewer, or so much of
// it for a tenth of n that n, at the same pace, are over it.
func (r *results) gaveUp(tool, shape string, n int, budget time.Duration) string {
	for _, c := range r.Cells {
		if c.Tool != tool || c.Shape != shape || c.N >= n {
			continue
		}
		if strings.HasSuffix(c.Why, overBudget) {
			return c.Why
		}
		if c.Why == "" && 10*c.N >= n && c.First.Wall/float64(c.N)*float64(n) > budget.Seconds() {
			return fmt.Sprintf("%d took %.0f s: %d are %s", c.N, c.First.Wall, n, overBudget)
		}
	}
	return ""
}

// forgetReasons lets tools begin anew with a shape. Of others what was found stays.
func (r *results) forgetReasons(shape string, tools []tool.Tool) {
	r.Cells = slices.DeleteFunc(r.Cells, func(c cell) bool {
		again := slices.ContainsFunc(tools, func(t tool.Tool) bool { return t.Name() == c.Tool })
		return again && c.Shape == shape && strings.HasSuffix(c.Why, overBudget)
	})
}

func sync() { unix.Sync() }

// machine says where and when the figures come from.
func machine() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return ""
	}
	load, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return ""
	}
	return fmt.Sprintf("Last measured %s: %d processors, Linux %s, load before %s.", time.Now().UTC().Format(time.DateOnly), runtime.NumCPU(), unix.ByteSliceToString(u.Release[:]), strings.Fields(string(load))[0])
}
