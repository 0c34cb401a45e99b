// Package conffile settles what becomes of configuration files that were changed on the node when their package changes: managers of packages put
// the other version beside them, by names with endings of their own, and few can be told which of the two is to stay.
package conffile

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"strings"

	"github.com/nodeapply/apply/host"
)

// Endings are those of the names under which a manager puts a file beside a configuration file that was changed on the node.
type Endings struct {
	New string // the package's file, where the node's own stays in its place: ".rpmnew"
	Old string // the node's own, where the package's takes its place: ".rpmsave"; "": the manager never does that to a package that stays
}

// Settle makes a transaction, and afterwards, whatever became of it, the configuration files that it met and that were changed on the node are
// replaced by the package's or, without replace, kept with the package's beside them. What was beside them before stays there.
func Settle(ctx context.Context, h host.Host, replace bool, e Endings, transaction func() error) error {
	watched, settle := e.Old, keepOwn
	if replace {
		watched, settle = e.New, takePlace
	}
	if watched == "" {
		return transaction()
	}
	before, err := inodes(h, watched)
	if err != nil {
		return err
	}
	terr := transaction()
	ctx = context.WithoutCancel(ctx) // a transaction that was ended early may have put files aside
	after, err := inodes(h, watched)
	if err != nil {
		return errors.Join(terr, err)
	}
	for file, inode := range after {
		if before[file] == inode {
			continue
		}
		if err := settle(ctx, h, file, e); err != nil {
			return errors.Join(terr, err)
		}
	}
	return terr
}

func inodes(v host.View, ending string) (map[string]uint64, error) {
	files, err := Saved(v, ending)
	if err != nil {
		return nil, err
	}
	list := map[string]uint64{}
	for _, file := range files {
		st, err := v.Lstat(file + ending)
		if err != nil {
			return nil, err
		}
		list[file] = st.Ino
	}
	return list, nil
}

// takePlace puts the package's file in the place of the node's own.
func takePlace(ctx context.Context, h host.Host, file string, e Endings) error {
	if err := copyFile(ctx, h, file+e.New, file); err != nil {
		return err
	}
	return h.Remove(ctx, file+e.New, false)
}

// keepOwn puts the node's own file back into its place, and the package's beside it. Without a file in that place the package has gone.
func keepOwn(ctx context.Context, h host.Host, file string, e Endings) error {
	if st, err := h.Lstat(file); err != nil || st.Kind != host.Regular {
		return err
	}
	if err := copyFile(ctx, h, file, file+e.New); err != nil {
		return err
	}
	if err := copyFile(ctx, h, file+e.Old, file); err != nil {
		return err
	}
	return h.Remove(ctx, file+e.Old, false)
}

// copyFile makes to a file with the content, the mode and the owner of from.
func copyFile(ctx context.Context, h host.Host, from, to string) error {
	st, err := h.Lstat(from)
	if err != nil {
		return err
	}
	f, err := h.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	return h.WriteFile(ctx, to, host.NewFile{Content: f, Meta: host.Meta{Mode: &st.Mode, UID: &st.UID, GID: &st.GID}})
}

const deepest = 16 // folders below /etc

// Saved lists the files below /etc whose names end in ending, without it.
func Saved(v host.View, ending string) ([]string, error) {
	var files []string
	var walk func(folder string, depth int) error
	walk = func(folder string, depth int) error {
		for entry, err := range v.ReadDir(folder) {
			switch {
			case errors.Is(err, fs.ErrNotExist): // no /etc, or a folder that has gone meanwhile
				return nil
			case err != nil:
				return err
			}
			name := path.Join(folder, entry)
			st, err := v.Lstat(name)
			switch {
			case err != nil:
				return err
			case st.Kind == host.Directory && depth < deepest:
				if err := walk(name, depth+1); err != nil {
					return err
				}
			case st.Kind == host.Regular && strings.HasSuffix(entry, ending) && entry != ending:
				files = append(files, strings.TrimSuffix(name, ending))
			}
		}
		return nil
	}
	err := walk("/etc", 0)
	return files, err
}
