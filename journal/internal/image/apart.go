package image

import (
	"path"

	"github.com/nodeapply/apply/host"
)

// Apart is a View for which nothing is below a link that is in the place of one of some folders: what it leads to is not what was in the folder.
type Apart struct {
	host.View
	folder func(name string) bool
	links  map[string]bool
}

// NewApart returns a View that tells folders from links to others.
func NewApart(v host.View, folder func(name string) bool) *Apart {
	return &Apart{v, folder, map[string]bool{}}
}

// Lstat says that nothing is at a name behind such a link.
func (a *Apart) Lstat(name string) (host.Stat, error) {
	if link, err := a.Behind(name); link != "" || err != nil {
		return host.Stat{}, err
	}
	return a.View.Lstat(name)
}

// Behind is the link in the place of a folder that name was in; "" if there is none.
func (a *Apart) Behind(name string) (string, error) {
	for above := path.Dir(name); above != path.Dir(above); above = path.Dir(above) {
		if !a.folder(above) {
			continue
		}
		link, known := a.links[above]
		if !known {
			st, err := lstat(a.View, above)
			if err != nil {
				return "", err
			}
			link = st.Kind == host.Symlink
			a.links[above] = link
		}
		if link {
			return above, nil
		}
	}
	return "", nil
}
