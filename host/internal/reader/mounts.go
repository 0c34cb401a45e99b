package reader

import (
	"context"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/internal/mountinfo"
)

// Mounts implements [host.View]. Below another root than "/" only what is mounted there is listed, by its names there.
func (r *Reader) Mounts(context.Context) ([]host.Mount, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines, err := mountinfo.Parse(f)
	if err != nil {
		return nil, err
	}
	var all []host.Mount
	for _, m := range lines {
		point, inside := r.Inside(m.Point)
		if !inside {
			continue
		}
		all = append(all, host.Mount{
			ID: m.ID, Parent: m.Parent, Dev: m.Dev, Point: point, Root: m.Root, FSType: m.FSType, Source: m.Source,
			Options: m.Options, SuperOptions: m.SuperOptions,
		})
	}
	return all, nil
}

// Inside returns the node's name for the name of this machine.
func (r *Reader) Inside(name string) (string, bool) {
	if r.name == "/" {
		return name, true
	}
	rest, ok := strings.CutPrefix(name, r.name)
	switch {
	case !ok:
		return "", false
	case rest == "":
		return "/", true
	}
	return rest, rest[0] == '/'
}

// Space implements [host.SpaceReader].
func (r *Reader) Space(name string) (host.Space, error) {
	fd, err := r.root.Node(name)
	if err != nil {
		return host.Space{}, r.Failed("statfs", err)
	}
	defer unix.Close(fd)
	var st unix.Statfs_t
	if err := unix.Fstatfs(fd, &st); err != nil {
		return host.Space{}, r.Failed("statfs", err)
	}
	block := uint64(st.Frsize)
	if block == 0 {
		block = uint64(st.Bsize)
	}
	return host.Space{Size: st.Blocks * block, Free: st.Bfree * block, Available: st.Bavail * block}, nil
}
