// Package model stands in for what of a node cannot be rehearsed: its systemd and its mounts.
//
// A [Node] has the files and the commands of the host that it is given, and units and mounts that are states in a file of its own. What a unit is
// comes from the unit files of that host, and enabling one makes the links there that systemctl would make; but nothing is executed when it
// is started, and nothing is seen at a mount point but what was there before.
//
// Not modelled: what units depend on and bring with them (Requires=, PartOf=, sockets, conditions); whether a service stays up; units that
// generators make of what the run brings (init scripts, fstab); what commands do by systemctl or, in a shell, by mount; swap.
package model

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"sync"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/unitfile"
	"github.com/nodeapply/apply/sandbox/model/internal/mounttable"
)

// Seed is what is known of the real node. Units that it does not name are taken to be inactive; they are there if their unit files are.
type Seed struct {
	NoSystemd bool         `json:"no_systemd,omitempty"`
	Units     []host.Unit  `json:"units"`
	Mounts    []host.Mount `json:"mounts"`
}

// Job is something that was done to a unit and had an effect.
type Job struct {
	Unit string    `json:"unit"`
	Verb host.Verb `json:"verb"` // start, stop, restart or reload
}

// Node is a host with units and mounts that are a model. It may be used by any number of goroutines.
type Node struct {
	host.Host
	file string

	mu    sync.Mutex
	state state
	used  map[string]bool
}

// state is what the file holds.
type state struct {
	NoSystemd bool              `json:"no_systemd,omitempty"`
	Units     map[string]*unit  `json:"units"`   // by their ids
	Aliases   map[string]string `json:"aliases"` // to ids; further ones are links among the unit files
	Mounts    mounttable.Table  `json:"mounts"`
	Jobs      []Job             `json:"jobs"`
}

var (
	_ host.Host        = (*Node)(nil)
	_ host.SpaceReader = (*Node)(nil)
)

// New returns h with its units and mounts modelled. Their state is in file, of this machine and not of h, and replaced as a whole after each change:
// where the file is there already, the model goes on with it, else it begins with seed. A file of no name is not kept.
func New(h host.Host, file string, seed Seed) (*Node, error) {
	n := &Node{Host: h, file: file, used: map[string]bool{}}
	content, err := os.ReadFile(file)
	switch {
	case file == "" || errors.Is(err, fs.ErrNotExist):
		if err := n.begin(seed); err != nil {
			return nil, err
		}
		return n, n.save()
	case err != nil:
		return nil, fmt.Errorf("model: %w", err)
	}
	if err := json.Unmarshal(content, &n.state); err != nil {
		return nil, fmt.Errorf("model: %s: %w", file, err)
	}
	return n, nil
}

func (n *Node) begin(seed Seed) error {
	n.state = state{NoSystemd: seed.NoSystemd, Units: map[string]*unit{}, Aliases: map[string]string{}, Mounts: mounttable.Of(seed.Mounts)}
	for _, known := range seed.Units {
		name, err := host.UnitName(known.Name)
		if err != nil {
			return fmt.Errorf("model: %w", err)
		}
		if known.ID == "" {
			known.ID = name
		}
		if known.ID != name {
			n.state.Aliases[name] = known.ID
		}
		def, err := unitfile.Read(n.Host, known.ID)
		if err != nil {
			return fmt.Errorf("model: %s: %w", name, err)
		}
		n.state.Units[known.ID] = seeded(known, def)
	}
	return nil
}

// save replaces the file. It must survive this process, not this machine.
func (n *Node) save() error {
	if n.file == "" {
		return nil
	}
	content, err := json.Marshal(n.state)
	if err == nil {
		err = os.WriteFile(n.file+".new", content, 0o600)
	}
	if err == nil {
		err = os.Rename(n.file+".new", n.file)
	}
	if err != nil {
		return fmt.Errorf("model: %w", err)
	}
	return nil
}

// Used tells what was changed in the model alone since the last call of Forget, such as "unit nginx.service" or "mount /data", sorted.
func (n *Node) Used() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Sorted(maps.Keys(n.used))
}

// Forget empties what Used tells.
func (n *Node) Forget() {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.used)
}

// Jobs are the starts, stops, restarts and reloads that had an effect, in their order since the model's beginning.
func (n *Node) Jobs() []Job {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.state.Jobs)
}

// State is what there is of units that were ever asked for, and of mounts, to be compared with another run's: "unit nginx.service" is "active/running
// enabled", and "mount /data" its source, type and options, of stacked ones in their order. How it came so is not told.
func (n *Node) State() map[string]string {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := map[string]string{}
	for id := range n.state.Units {
		u, now, err := n.lookup(id)
		switch {
		case err != nil:
			all["unit "+id] = err.Error()
		case now.LoadState != "not-found" || now.ActiveState != "inactive":
			all["unit "+id] = u.describe(now)
		}
	}
	for point, is := range n.state.Mounts.State() {
		all["mount "+point] = is
	}
	return all
}

// Space implements [host.SpaceReader] where the host does: of a modelled mount it tells what it told before.
func (n *Node) Space(name string) (host.Space, error) {
	if r, ok := n.Host.(host.SpaceReader); ok {
		return r.Space(name)
	}
	return host.Space{}, fmt.Errorf("%s: space: %w", name, errors.ErrUnsupported)
}
