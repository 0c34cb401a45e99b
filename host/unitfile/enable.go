package unitfile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/nodeapply/apply/host"
)

// beside are the folders of a unit with links to the units that it brings with it, by the settings of those that ask for it.
var beside = map[string]string{"Install.WantedBy": ".wants", "Install.RequiredBy": ".requires", "Install.UpheldBy": ".upholds"}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// Enablement is the UnitFileState of a unit that has a file, in systemd's words.
func (u *Unit) Enablement(v host.FileReader) (string, error) {
	switch {
	case u.File == "":
		return "", nil
	case u.Masked && path.Dir(u.File) == runtime:
		return "masked-runtime", nil
	case u.Masked:
		return "masked", nil
	}
	for _, at := range []struct{ root, state string }{{config, "enabled"}, {runtime, "enabled-runtime"}} {
		links, err := u.enabling(v, at.root)
		if err != nil || len(links) > 0 {
			return at.state, err
		}
	}
	installs := len(u.words("Install.Alias")) > 0
	for key := range beside {
		installs = installs || len(u.words(key)) > 0
	}
	switch {
	case u.linked != "":
		return "linked", nil
	case installs:
		return "disabled", nil
	case len(u.words("Install.Also")) > 0:
		return "indirect", nil
	}
	return "static", nil
}

// enabling lists the links below root that have the unit start with others, or by another name.
func (u *Unit) enabling(v host.FileReader, root string) ([]string, error) {
	entries, err := host.ReadDir(v, root)
	if err != nil {
		return nil, err
	}
	var links []string
	for _, e := range entries {
		at := path.Join(root, e)
		if !slices.Contains([]string{".wants", ".requires", ".upholds"}, path.Ext(e)) {
			if ours, err := u.leadsHere(v, at); err != nil {
				return nil, err
			} else if ours && e != u.ID {
				links = append(links, at)
			}
			continue
		}
		wanted, err := host.ReadDir(v, at)
		if err != nil {
			return nil, err
		}
		for _, w := range wanted {
			ours, err := u.leadsHere(v, path.Join(at, w))
			if err != nil {
				return nil, err
			}
			if w == u.ID || ours {
				links = append(links, path.Join(at, w))
			}
		}
	}
	return links, nil
}

// leadsHere says whether the link leads to the unit's own file. That of an instance is its template's, and leads to all of them.
func (u *Unit) leadsHere(v host.FileReader, link string) (bool, error) {
	if t := template(u.ID); t != "" && t != u.ID && path.Base(u.File) == t {
		return false, nil
	}
	st, err := v.Lstat(link)
	if err != nil || st.Kind != host.Symlink {
		return false, err
	}
	target, err := v.Readlink(link)
	return path.Base(target) == path.Base(u.File), err
}

// installed are the links that enabling the unit makes, with the names that stand in [Install].
func (u *Unit) installed() ([]string, error) {
	name := u.ID
	if template(name) == name { // of itself nothing can be started
		name = ""
		if i := u.last("Install.DefaultInstance"); i != "" {
			name = instance(u.ID, "@"+i+path.Ext(u.ID))
		}
	}
	of := specifiers(name)
	var links []string
	for _, key := range sortedKeys(beside) {
		for _, by := range u.words(key) {
			if name == "" {
				return nil, fmt.Errorf("destination unit %s is a non-template unit", by)
			}
			links = append(links, path.Join(config, of.Replace(by)+beside[key], name))
		}
	}
	for _, alias := range u.words("Install.Alias") {
		links = append(links, path.Join(config, of.Replace(alias)))
	}
	return links, nil
}

// Enable makes the links of the unit, and of those that it says go also, as systemctl does.
func Enable(ctx context.Context, h host.Host, name string) error {
	return enable(ctx, h, name, map[string]bool{})
}

func enable(ctx context.Context, h host.Host, name string, seen map[string]bool) error {
	u, err := Read(h, name)
	if err != nil || seen[u.ID] {
		return err
	}
	seen[u.ID] = true
	switch {
	case u.File == "":
		return fmt.Errorf("unit file %s does not exist", name)
	case u.Masked:
		return fmt.Errorf("unit file %s is masked", u.File)
	case u.ID != name:
		return fmt.Errorf("refusing to operate on alias name or linked unit file: %s", name)
	}
	links, err := u.installed()
	if err != nil {
		return err
	}
	for _, link := range links {
		if err := u.link(ctx, h, link); err != nil {
			return err
		}
	}
	for _, also := range u.words("Install.Also") {
		if err := enable(ctx, h, also, seen); err != nil {
			return err
		}
	}
	return nil
}

// specifiers replaces those of a unit's name.
func specifiers(name string) *strings.Replacer {
	whole := strings.TrimSuffix(name, path.Ext(name))
	prefix, rest, _ := strings.Cut(whole, "@")
	return strings.NewReplacer("%n", name, "%N", whole, "%p", prefix, "%i", rest, "%j", prefix[strings.LastIndexByte(prefix, '-')+1:], "%%", "%")
}

func (u *Unit) link(ctx context.Context, h host.Host, name string) error {
	st, err := h.Lstat(name)
	if err != nil {
		return err
	}
	if ours, err := u.leadsHere(h, name); err != nil || ours || st.Kind == host.Symlink && path.Base(name) == u.ID {
		return err
	}
	if st.Kind != host.Absent {
		return fmt.Errorf("file %s already exists", name)
	}
	if err := host.MakeFolders(ctx, h, path.Dir(name)); err != nil {
		return err
	}
	if u.linked != "" {
		return h.Symlink(ctx, u.linked, name)
	}
	return h.Symlink(ctx, u.File, name)
}

// Disable removes the links of the unit, whoever made them, and of those that it says go also.
func Disable(ctx context.Context, h host.Host, name string) error {
	return disable(ctx, h, name, map[string]bool{})
}

func disable(ctx context.Context, h host.Host, name string, seen map[string]bool) error {
	u, err := Read(h, name)
	if err != nil || u.Masked || seen[u.ID] {
		return err
	}
	seen[u.ID] = true
	if u.File == "" {
		return fmt.Errorf("unit file %s does not exist", name)
	}
	links, err := u.enabling(h, config)
	if err != nil {
		return err
	}
	if u.linked != "" && path.Dir(u.File) == config {
		links = append(links, u.File)
	}
	for _, link := range links {
		if err := h.Remove(ctx, link, false); err != nil {
			return err
		}
		left, err := host.ReadDir(h, path.Dir(link))
		if err == nil && len(left) == 0 && path.Dir(link) != config {
			err = h.Remove(ctx, path.Dir(link), false)
		}
		if err != nil {
			return err
		}
	}
	for _, also := range u.words("Install.Also") {
		if err := disable(ctx, h, also, seen); err != nil {
			return err
		}
	}
	return nil
}

// Mask makes the link that lets nothing start the unit, be it there or not; forNow until the node starts again.
func Mask(ctx context.Context, h host.Host, name string, forNow bool) error {
	root := config
	if forNow {
		root = runtime
	}
	link := path.Join(root, name)
	st, err := h.Lstat(link)
	if err != nil {
		return err
	}
	if st.Kind == host.Symlink {
		if target, err := h.Readlink(link); err != nil || target == null {
			return err
		}
	}
	if st.Kind != host.Absent {
		return fmt.Errorf("file %s already exists", link)
	}
	return errors.Join(host.MakeFolders(ctx, h, root), h.Symlink(ctx, null, link))
}

// Unmask removes both masks.
func Unmask(ctx context.Context, h host.Host, name string) error {
	for _, root := range []string{config, runtime} {
		link := path.Join(root, name)
		st, err := h.Lstat(link)
		if err != nil {
			return err
		}
		if st.Kind != host.Symlink {
			continue
		}
		target, err := h.Readlink(link)
		if err == nil && target == null {
			err = h.Remove(ctx, link, false)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
