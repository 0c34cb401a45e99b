package apt

import (
	"context"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources/pkg/manager"
)

var _ manager.Lister = (*driver)(nil)

const (
	listFormat = "${Package}\t${Architecture}\t${source:Package}\t${Essential}\t${db:Status-Status}\n${db-fsys:Files}"
	maxList    = 64 << 20 // bytes of the list of all files, of which a package has some hundred
)

// List asks dpkg-query.
func (*driver) List(ctx context.Context, v host.View, file func(p *manager.Content, name string)) error {
	out, err := manager.Query(ctx, v, "dpkg-query --show", host.Cmd{
		Args: []string{"dpkg-query", "--show", "--showformat", listFormat}, MaxOutput: maxList,
	})
	if err == nil {
		manager.ReadList(string(out.Stdout), listed, file)
	}
	return err
}

// listed is a package; nil for one of which only the configuration is left.
func listed(f []string) *manager.Content {
	if len(f) != 5 || f[4] == "config-files" || f[4] == "not-installed" {
		return nil
	}
	return &manager.Content{Name: f[0], Arch: f[1], Source: f[2], Essential: f[3] == "yes"}
}
