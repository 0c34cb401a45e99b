// Package load compiles a manifest for this node, with what flags and environment give: from a path or from git, with variables, facts and the
// exchange. [Loader.Compile] is where all of that comes together.
package load

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply"
	"github.com/nodeapply/apply/catalog/declared"
	"github.com/nodeapply/apply/cmd/apply/internal/cli"
	"github.com/nodeapply/apply/cmd/apply/internal/collector"
	"github.com/nodeapply/apply/cmd/apply/internal/usage"
	"github.com/nodeapply/apply/exchange/session"
	"github.com/nodeapply/apply/facts"
	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/local"
	"github.com/nodeapply/apply/journal"
	"github.com/nodeapply/apply/journal/memory"
	"github.com/nodeapply/apply/origin"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/all"
	"github.com/nodeapply/apply/source"
)

// Loader loads manifests as its flags say.
type Loader struct {
	*cli.App
	Flags
	// Stage, if set, makes of the node what manifests are compiled for and converge.
	Stage func(*local.Node) (host.Host, error)
}

// New returns the Loader of a command, whose flags are yet to be added.
func New(a *cli.App) *Loader { return &Loader{App: a} }

// Manifest is a manifest that was compiled for this node.
type Manifest struct {
	*apply.Manifest
	Host      *local.Node
	Origin    origin.Origin
	Checkouts *origin.Checkouts
	Node      string // the node's name in reports
	Types     []resources.Type
}

// Source reads what the arguments and --git say of the manifest.
func (l *Loader) Source(cmd *cobra.Command, args []string) (source.Source, error) {
	if l.Git == "" {
		if err := onePath(cmd, args); err != nil {
			return source.Source{}, err
		}
		src, err := source.Parse(args[0])
		switch {
		case err != nil || l.Ref == "":
			return src, err
		case !src.Git() || src.Ref != "":
			return src, usage.Error(cmd, errors.New("--ref is the revision of --git URL; in a PATH from git it is written ?ref=TAG"))
		}
		return source.New(src.URL, l.Ref, src.Folder)
	}
	if len(args) > 1 {
		return source.Source{}, onePath(cmd, args)
	}
	url, err := RepositoryURL(l.Git)
	if err != nil {
		return source.Source{}, err
	}
	folder := ""
	if len(args) == 1 {
		folder = args[0]
	}
	if strings.HasPrefix(folder, "git::") {
		return source.Source{}, usage.Error(cmd, errors.New("--git names a repository already: PATH is a file or folder inside it"))
	}
	return source.New(url, l.Ref, folder)
}

// RepositoryURL reads --git: a URL, or the folder of a repository beside the current one.
func RepositoryURL(url string) (string, error) {
	if strings.HasPrefix(url, ".") {
		return filepath.Abs(url)
	}
	return strings.TrimPrefix(url, "git::"), nil
}

// Named compiles the manifest that the arguments and --git name.
func (l *Loader) Named(ctx context.Context, cmd *cobra.Command, args []string) (*Manifest, error) {
	src, err := l.Source(cmd, args)
	if err != nil {
		return nil, err
	}
	return l.Load(ctx, src)
}

// PlanSuffix is how the names of saved plans end.
const PlanSuffix = ".plan"

// IsPlan says whether a PATH is that of a saved plan: its name says so, and it is no folder.
func IsPlan(src source.Source) bool {
	info, err := os.Stat(src.Path)
	return !src.Git() && strings.HasSuffix(src.Path, PlanSuffix) && (err != nil || !info.IsDir())
}

// Load compiles a manifest with what the flags and the environment give.
func (l *Loader) Load(ctx context.Context, src source.Source) (*Manifest, error) {
	if IsPlan(src) { // an excerpt of it would show the values that are in it
		return nil, fmt.Errorf("%s is a saved plan, no manifest; apply %[1]s makes its changes", src.Path)
	}
	c := l.Checkouts(origin.Options{})
	var o origin.Origin
	var err error
	if l.sent != "" && !src.Git() {
		o, err = c.Sent(src.Path, l.sent)
		l.Vars = append(l.Vars, o.Vars...)
	} else {
		o, err = c.Find(ctx, src)
	}
	if err != nil {
		return nil, err
	}
	return l.Compile(ctx, c, o)
}

// Checkouts are those of this command, gone at its end. Of the options all is filled in but whether it pins.
func (l *Loader) Checkouts(o origin.Options) *origin.Checkouts {
	o.Signers = l.Signers
	o.Warn = func(text string) { l.Note(text) }
	o.State = func() (string, error) {
		state, err := l.OpenState()
		if err != nil {
			return "", err
		}
		return state.Dir(), nil
	}
	c := origin.New(o)
	l.AtEnd(c.Close)
	return c
}

// Compile compiles what was found.
func (l *Loader) Compile(ctx context.Context, c *origin.Checkouts, o origin.Origin) (*Manifest, error) {
	vars, err := l.variables(ctx)
	if err != nil {
		return nil, err
	}
	h, err := local.New(local.Options{})
	if err != nil {
		return nil, err
	}
	known, err := l.Facts(h)
	if err != nil {
		return nil, err
	}
	part, err := l.Exchange.Session(l.App, known)
	if err != nil {
		return nil, err
	}
	var node host.Host = h
	if l.Stage != nil {
		if node, err = l.Stage(h); err != nil {
			return nil, err
		}
	}
	for _, file := range l.identities { // one that is named has to be there
		if _, err := os.Stat(file); err != nil {
			return nil, fmt.Errorf("--age-identity %w", err)
		}
	}
	m, err := apply.Load(ctx, o.Path, apply.Options{
		Host: node, Session: part, Vars: vars, Facts: known, Scrub: &l.Scrub, Modules: c.Module, Shown: o.Shown, Within: o.Within,
		Identities: l.identities,
	})
	l.Note(known.Warnings()...)
	if err != nil {
		return nil, errors.Join(err, c.Refused())
	}
	collector.Compiled()
	m.Path = o.Name
	if len(m.Warnings) > 0 && !l.JSON {
		l.PrintDiagnostics(m.Warnings)
	}
	return &Manifest{m, h, o, c, l.Exchange.Name(ctx, known), all.Linked(part)}, nil
}

// Revision compiles a revision of a manifest in a work tree, which stays as it is.
func (l *Loader) Revision(ctx context.Context, path, revision string) (*Manifest, error) {
	if path == "" {
		path = "."
	}
	c := l.Checkouts(origin.Options{})
	o, err := c.Revision(ctx, path, revision)
	if err != nil {
		return nil, err
	}
	return l.Compile(ctx, c, o)
}

// Facts are those of the node, with what the flags and the environment add.
func (l *Loader) Facts(h host.Host) (*facts.Set, error) {
	state, err := l.StateDir()
	if err != nil {
		return nil, err
	}
	o := facts.Options{Environ: l.Given(), Exported: session.Exported{StateDir: state}}
	for _, dir := range l.FactDirs {
		abs, err := filepath.Abs(dir)
		if err != nil {
			return nil, fmt.Errorf("--facts-dir %s: %w", dir, err)
		}
		o.Folders = append(o.Folders, abs)
	}
	return facts.New(h, o), nil
}

// Memory reads what is known of earlier runs from a manifest's source; state may be nil.
func (l *Loader) Memory(state *journal.State, m *Manifest) *memory.Memory {
	return memory.Read(state, memory.Manifest{
		Source: m.Origin.Source, Catalog: m.Catalog(), Types: m.Types, Reader: declared.Reader{Rewrite: m.Checkouts.Rewrite}, Fleeting: m.Checkouts.Has,
		Warn: func(text string) { l.Note(text) },
	})
}

// Past is what earlier runs left for a plan to know.
type Past struct {
	Memory *memory.Memory
	Owed   func(target resources.Address) []resources.Address // nil: there is no state folder
}

// Past reads what earlier runs left, and changes nothing. What cannot be read is told, and not known.
func (l *Loader) Past(m *Manifest) Past {
	state, err := l.KnownState()
	p := Past{Memory: l.Memory(state, m)}
	var owed func(resources.Address) []resources.Address
	if state != nil {
		owed, err = state.Owed(p.Memory.Manifest())
	}
	if err != nil {
		l.Note(err.Error() + "; nothing is known of refreshes that earlier runs owe")
	}
	if owed == nil {
		return p
	}
	moved := p.Memory.Moved(owed)
	p.Owed = func(target resources.Address) []resources.Address {
		all := owed(target)
		for from, into := range moved {
			if slices.Contains(into, target) {
				all = slices.Concat(all, owed(from))
			}
		}
		return all
	}
	return p
}

// onePath accepts exactly one argument.
func onePath(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) == 0 || len(args) == 1 && args[0] == "":
		return usage.Error(cmd, errors.New("which manifest? give a PATH, such as main.hcl"))
	case len(args) > 1:
		return usage.Error(cmd, fmt.Errorf("one PATH is wanted, got %d: %q", len(args), args))
	}
	return nil
}
