// Package all is the list of the resource types that the command line knows.
package all

import (
	"slices"

	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/authkey"
	"github.com/nodeapply/apply/resources/cron"
	"github.com/nodeapply/apply/resources/exec"
	"github.com/nodeapply/apply/resources/fact"
	"github.com/nodeapply/apply/resources/file"
	"github.com/nodeapply/apply/resources/group"
	"github.com/nodeapply/apply/resources/hosts"
	"github.com/nodeapply/apply/resources/limit"
	"github.com/nodeapply/apply/resources/line"
	"github.com/nodeapply/apply/resources/mount"
	"github.com/nodeapply/apply/resources/pkg"
	"github.com/nodeapply/apply/resources/repo"
	"github.com/nodeapply/apply/resources/service"
	"github.com/nodeapply/apply/resources/sysctl"
	"github.com/nodeapply/apply/resources/user"
	"github.com/nodeapply/apply/resources/wait"
)

// Link is a run's part in an exchange.
type Link interface {
	fact.Link
	limit.Link
	wait.Link
}

// Linked returns every type, those that reach other nodes among them, in the order of their names. A link is a *session.Session
// (exchange/session). With a nil link fact, limit and wait can be described, not used. Own are further types; one of the same name takes the place of theirs.
func Linked(l Link, own ...resources.Type) []resources.Type {
	types := []resources.Type{
		authkey.Type(),
		cron.Type(),
		exec.Type(),
		fact.Type(l),
		file.Type(),
		group.Type(),
		hosts.Type(),
		limit.Type(l),
		line.Type(),
		mount.Type(),
		pkg.Type(),
		repo.Type(),
		service.Type(),
		sysctl.Type(),
		user.Type(),
		wait.Type(l),
	}
	for _, t := range own {
		if i := slices.IndexFunc(types, func(theirs resources.Type) bool { return theirs.Name == t.Name }); i >= 0 {
			types[i] = t
		} else {
			types = append(types, t)
		}
	}
	return types
}
