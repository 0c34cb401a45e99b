package main

import (
	"context"
	"errors"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply"
	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/origin"
	"github.com/nodeapply/apply/source"
)

// loaded is a manifest that was compiled for this node.
type loaded struct {
	*apply.Manifest
	host      *host.Local
	origin    origin.Origin
	checkouts *origin.Checkouts
}

// source reads what the arguments and --git say of the manifest.
func (a *app) source(cmd *cobra.Command, args []string) (source.Source, error) {
	f := &a.flags
	if f.git == "" {
		if err := onePath(cmd, args); err != nil {
			return source.Source{}, err
		}
		src, err := source.Parse(args[0])
		switch {
		case err != nil || f.ref == "":
			return src, err
		case !src.Git() || src.Ref != "":
			return src, usageError(cmd, errors.New("--ref is the revision of --git URL; in a PATH from git it is written ?ref=TAG"))
		}
		return source.New(src.URL, f.ref, src.Folder)
	}
	if len(args) > 1 {
		return source.Source{}, onePath(cmd, args)
	}
	url, err := repositoryURL(f.git)
	if err != nil {
		return source.Source{}, err
	}
	folder := ""
	if len(args) == 1 {
		folder = args[0]
	}
	if strings.HasPrefix(folder, "git::") {
		return source.Source{}, usageError(cmd, errors.New("--git names a repository already: PATH is a file or folder inside it"))
	}
	return source.New(url, f.ref, folder)
}

// repositoryURL reads --git: a URL, or the folder of a repository beside the current one.
func repositoryURL(url string) (string, error) {
	if strings.HasPrefix(url, ".") {
		return filepath.Abs(url)
	}
	return strings.TrimPrefix(url, "git::"), nil
}

// load compiles a manifest with what the flags and the environment give.
func (a *app) load(ctx context.Context, src source.Source) (*loaded, error) {
	c := a.checkouts()
	var o origin.Origin
	var err error
	if a.flags.sent != "" && !src.Git() {
		o, err = c.Sent(src.Path, a.flags.sent)
	} else {
		o, err = c.Find(ctx, src)
	}
	if err != nil {
		return nil, err
	}
	return a.compile(ctx, c, o)
}

// checkouts are those of this command, gone at its end.
func (a *app) checkouts() *origin.Checkouts { return a.checkoutsOf(origin.Options{}) }

// checkoutsOf completes options by what the flags say.
func (a *app) checkoutsOf(o origin.Options) *origin.Checkouts {
	o.Signers = a.flags.signers
	o.Warn = func(text string) { a.note(text) }
	o.State = func() (string, error) {
		state, err := a.openState()
		if err != nil {
			return "", err
		}
		return state.Dir(), nil
	}
	c := origin.New(o)
	a.atEnd = append(a.atEnd, c.Close)
	return c
}

// compile compiles what was found.
func (a *app) compile(ctx context.Context, c *origin.Checkouts, o origin.Origin) (*loaded, error) {
	vars, err := a.variables()
	if err != nil {
		return nil, err
	}
	h, err := a.node()
	if err != nil {
		return nil, err
	}
	known, err := a.facts(h)
	if err != nil {
		return nil, err
	}
	part, err := a.session(known)
	if err != nil {
		return nil, err
	}
	m, err := apply.Load(ctx, o.Path, apply.Options{
		Host: h, Session: part, Vars: vars, Facts: known, Scrub: &a.flags.scrub, Modules: c.Module, Shown: o.Shown, Within: o.Within,
	})
	a.note(known.Warnings()...)
	if err != nil {
		return nil, errors.Join(err, c.Refused())
	}
	m.Path = o.Name
	if len(m.Warnings) > 0 && !a.flags.json {
		a.printDiagnostics(m.Warnings)
	}
	return &loaded{m, h, o, c}, nil
}
