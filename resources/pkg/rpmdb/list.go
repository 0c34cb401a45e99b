package rpmdb

import (
	"context"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources/pkg/manager"
)

const listFormat = `%{NAME}\t%{ARCH}\t%{SOURCERPM}\n[%{FILENAMES}\n]`

// List is that of [manager.Lister].
func (Common) List(ctx context.Context, v host.View, file func(p *manager.Content, name string)) error {
	out, err := manager.Query(ctx, v, "rpm -qa", host.Cmd{Args: []string{"rpm", "-qa", "--queryformat", listFormat}, MaxOutput: MaxOutput})
	if err == nil {
		manager.ReadList(string(out.Stdout), listed, file)
	}
	return err
}

// listed is a package. Its source is a file's name, NAME-VERSION-RELEASE.src.rpm.
func listed(f []string) *manager.Content {
	if len(f) != 3 {
		return nil
	}
	return &manager.Content{Name: f[0], Arch: f[1], Source: NameOf(f[2])}
}
