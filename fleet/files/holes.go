package files

import (
	"cmp"
	"errors"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/fleet/tree/content"
)

// maxFound bounds the holes of a file that are looked at: a database may have a million.
const maxFound = 1 << 16

// holes finds where a file of so many bytes takes no space; it has none where its file system does not say.
func holes(name string, size int64) ([]content.Hole, error) {
	if name == "" {
		return nil, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var found []content.Hole
	for at := int64(0); at < size && len(found) < maxFound; {
		from, err := f.Seek(at, unix.SEEK_HOLE)
		if err != nil || from >= size {
			break // there is always one at the end
		}
		at, err = f.Seek(from, unix.SEEK_DATA)
		switch {
		case errors.Is(err, unix.ENXIO):
			at = size // nothing follows
		case err != nil:
			return nil, err
		}
		found = append(found, content.Hole{Offset: from, Size: min(at, size) - from})
	}
	return found, nil
}

// largest keeps so many of the holes, in their order.
func largest(all []content.Hole, most int) []content.Hole {
	if len(all) <= most {
		return all
	}
	slices.SortFunc(all, func(a, b content.Hole) int { return cmp.Compare(b.Size, a.Size) })
	all = all[:most]
	slices.SortFunc(all, func(a, b content.Hole) int { return cmp.Compare(a.Offset, b.Offset) })
	return all
}
