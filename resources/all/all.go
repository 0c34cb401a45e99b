// Package all is the list of the resource types that the command line knows.
package all

import (
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/authkey"
	"github.com/nodeapply/apply/resources/cron"
	"github.com/nodeapply/apply/resources/exec"
	"github.com/nodeapply/apply/resources/file"
	"github.com/nodeapply/apply/resources/group"
	"github.com/nodeapply/apply/resources/hosts"
	"github.com/nodeapply/apply/resources/line"
	"github.com/nodeapply/apply/resources/mount"
	"github.com/nodeapply/apply/resources/pkg"
	"github.com/nodeapply/apply/resources/repo"
	"github.com/nodeapply/apply/resources/service"
	"github.com/nodeapply/apply/resources/sysctl"
	"github.com/nodeapply/apply/resources/user"
)

// types returns the types that concern this node alone, in the order of their names.
func types() []resources.Type {
	return []resources.Type{
		authkey.Type(),
		cron.Type(),
		exec.Type(),
		file.Type(),
		group.Type(),
		hosts.Type(),
		line.Type(),
		mount.Type(),
		pkg.Type(),
		repo.Type(),
		service.Type(),
		sysctl.Type(),
		user.Type(),
	}
}
