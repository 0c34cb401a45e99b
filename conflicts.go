package apply

import (
	"context"
	"errors"

	"github.com/nodeapply/apply/catalog/conflict"
	"github.com/nodeapply/apply/host/unitfile"
	"github.com/nodeapply/apply/manifest/diag"
	"github.com/nodeapply/apply/resources/pkg/known"
	"github.com/nodeapply/apply/resources/pkg/manager"
)

// Conflicts tells, as warnings, what two resources do to one thing of the node without an order, or against each other, and which running services are not
// told of what they read. It looks at the node's package database and unit files; where these cannot be read, the error says so and the rest is told all the same.
func (m *Manifest) Conflicts(ctx context.Context) (diag.List, error) {
	packages := func(ctx context.Context, file func(p *conflict.Package, name string)) error {
		return known.List(ctx, m.host, func(p *manager.Content, name string) { file((*conflict.Package)(p), name) })
	}
	var unread []error
	units := func(name string, declared map[string]string) conflict.Unit {
		u, err := unitfile.Read(unitfile.Declared{FileReader: m.host, Files: declared}, name)
		unread = append(unread, err)
		return conflict.Unit{File: u.File, Names: u.Names(), Program: u.Program(), Oneshot: u.Type() == "oneshot", Remains: u.Remains()}
	}
	found, err := conflict.Find(ctx, m.compiled.Catalog, packages, units)
	return m.compiled.Tell(found), errors.Join(append(unread, err)...)
}
