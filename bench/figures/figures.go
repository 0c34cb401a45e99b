// Package figures keeps what the benchmarks have measured, and writes it into README.md beside what is to be reached.
package figures

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nodeapply/apply/bench/floor"
)

// Cell is what one tool took for one state: medians.
type Cell struct {
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

// Floors are what no program can go below.
type Floors struct {
	Shape    string     `json:"shape"`
	N        int        `json:"n"`
	First    floor.Cost `json:"first"`   // create, write, rename
	Again    floor.Cost `json:"again"`   // lstat, read, compare
	Durable  floor.Cost `json:"durable"` // First with one syncfs
	Each     floor.Cost `json:"each"`    // First with fsync each
	Language floor.Cost `json:"language"`
}

// Results are all figures, of earlier calls too.
type Results struct {
	Machine string   `json:"machine"`
	Cells   []Cell   `json:"cells"`
	Floors  []Floors `json:"floors"`
}

// Load reads results.json of the folder dir; where there is none there are no figures yet.
func Load(dir string) (*Results, error) {
	r := &Results{}
	b, err := os.ReadFile(filepath.Join(dir, "results.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err == nil {
		err = json.Unmarshal(b, r)
	}
	return r, err
}

// Save writes results.json and README.md in dir. Below its last heading README.md is written by hand, and kept.
func (r *Results) Save(dir string) error {
	b, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(filepath.Join(dir, "results.json"), append(b, '\n'), 0o644), r.writeReadme(filepath.Join(dir, "README.md")))
}

// Put keeps a cell in the place of an earlier one for the same.
func (r *Results) Put(c Cell) {
	for i, old := range r.Cells {
		if old.Tool == c.Tool && old.Shape == c.Shape && old.N == c.N {
			r.Cells[i] = c
			return
		}
	}
	r.Cells = append(r.Cells, c)
}

// PutFloors does so with floors.
func (r *Results) PutFloors(f Floors) {
	for i, old := range r.Floors {
		if old.Shape == f.Shape && old.N == f.N {
			r.Floors[i] = f
			return
		}
	}
	r.Floors = append(r.Floors, f)
}

// get returns a cell with figures.
func (r *Results) get(tool, shape string, n int) (Cell, bool) {
	for _, c := range r.Cells {
		if c.Tool == tool && c.Shape == shape && c.N == n {
			return c, c.Why == ""
		}
	}
	return Cell{}, false
}

func (r *Results) floors(shape string, n int) (Floors, bool) {
	for _, f := range r.Floors {
		if f.Shape == shape && f.N == n {
			return f, true
		}
	}
	return Floors{}, false
}

// OverBudget ends the Why of a tool that needs longer than it is given.
const OverBudget = "over the budget"

// GaveUp says why a tool is not given n resources of a shape: it needed longer than the budget for fewer, or so much of
// it for a tenth of n that n, at the same pace, are over it.
func (r *Results) GaveUp(tool, shape string, n int, budget time.Duration) string {
	for _, c := range r.Cells {
		if c.Tool != tool || c.Shape != shape || c.N >= n {
			continue
		}
		if strings.HasSuffix(c.Why, OverBudget) {
			return c.Why
		}
		if c.Why == "" && 10*c.N >= n && c.First.Wall/float64(c.N)*float64(n) > budget.Seconds() {
			return fmt.Sprintf("%d took %.0f s: %d are %s", c.N, c.First.Wall, n, OverBudget)
		}
	}
	return ""
}

// ForgetReasons lets the tools of these names begin anew with a shape. Of others what was found stays.
func (r *Results) ForgetReasons(shape string, tools []string) {
	r.Cells = slices.DeleteFunc(r.Cells, func(c Cell) bool {
		return slices.Contains(tools, c.Tool) && c.Shape == shape && strings.HasSuffix(c.Why, OverBudget)
	})
}
