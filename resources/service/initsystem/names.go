package initsystem

import (
	"context"
	"path"
	"slices"
	"strings"

	"github.com/nodeapply/apply/host"
)

// unitFolders are where systemd has unit files.
var unitFolders = [...]string{"/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"}

// Names returns the services of a node, sorted: those with a unit file that is neither an alias nor a template; on nodes without systemd,
// the init scripts.
func Names(ctx context.Context, v host.View) ([]string, error) {
	folders, suffix := unitFolders[:], ".service"
	if Of(ctx, v, "basic.target") == SysV {
		folders, suffix = []string{"/etc/init.d"}, ""
	}
	var names []string
	for _, folder := range folders {
		entries, err := host.ReadDir(v, folder)
		if err != nil {
			return nil, err
		}
		for _, entry := range entries {
			name, ok := strings.CutSuffix(entry, suffix)
			if !ok || strings.Contains(entry, "@") || slices.Contains(names, name) {
				continue
			}
			if st, err := v.Lstat(path.Join(folder, entry)); err != nil || st.Kind != host.Regular || suffix == "" && st.Mode&0o111 == 0 {
				continue
			}
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}
