package model

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

// enablement is the UnitFileState of a unit that has a file, in systemd's words.
func (d *definition) enablement(v host.FileReader) (string, error) {
	switch {
	case d.file == "":
		return "", nil
	case d.masked && path.Dir(d.file) == runtime:
		return "masked-runtime", nil
	case d.masked:
		return "masked", nil
	}
	for _, at := range []struct{ root, state string }{{config, "enabled"}, {runtime, "enabled-runtime"}} {
		links, err := d.enabling(v, at.root)
		if err != nil || len(links) > 0 {
			return at.state, err
		}
	}
	installs := len(d.words("Install.Alias")) > 0
	for key := range beside {
		installs = installs || len(d.words(key)) > 0
	}
	switch {
	case d.linked != "":
		return "linked", nil
	case installs:
		return "disabled", nil
	case len(d.words("Install.Also")) > 0:
		return "indirect", nil
	}
	return "static", nil
}

// enabling lists the links below root that have the unit start with others, or by another name.
func (d *definition) enabling(v host.FileReader, root string) ([]string, error) {
	entries, err := list(v, root)
	if err != nil {
		return nil, err
	}
	var links []string
	for _, e := range entries {
		at := path.Join(root, e)
		if !slices.Contains([]string{".wants", ".requires", ".upholds"}, path.Ext(e)) {
			if ours, err := d.leadsHere(v, at); err != nil {
				return nil, err
			} else if ours && e != d.id {
				links = append(links, at)
			}
			continue
		}
		wanted, err := list(v, at)
		if err != nil {
			return nil, err
		}
		for _, w := range wanted {
			ours, err := d.leadsHere(v, path.Join(at, w))
			if err != nil {
				return nil, err
			}
			if w == d.id || ours {
				links = append(links, path.Join(at, w))
			}
		}
	}
	return links, nil
}

// leadsHere says whether the link leads to the unit's own file. That of an instance is its template's, and leads to all of them.
func (d *definition) leadsHere(v host.FileReader, link string) (bool, error) {
	if t := template(d.id); t != "" && t != d.id && path.Base(d.file) == t {
		return false, nil
	}
	st, err := v.Lstat(link)
	if err != nil || st.Kind != host.Symlink {
		return false, err
	}
	target, err := v.Readlink(link)
	return path.Base(target) == path.Base(d.file), err
}

// installed are the links that enabling the unit makes, with the names that stand in [Install].
func (d *definition) installed() ([]string, error) {
	name := d.id
	if template(name) == name { // of itself nothing can be started
		name = ""
		if i := d.last("Install.DefaultInstance"); i != "" {
			name = instance(d.id, "@"+i+path.Ext(d.id))
		}
	}
	prefix, rest, _ := strings.Cut(strings.TrimSuffix(name, path.Ext(name)), "@")
	specifiers := strings.NewReplacer("%n", name, "%N", strings.TrimSuffix(name, path.Ext(name)), "%p", prefix, "%i", rest, "%j", prefix[strings.LastIndexByte(prefix, '-')+1:], "%%", "%")
	var links []string
	for _, key := range sortedKeys(beside) {
		for _, by := range d.words(key) {
			if name == "" {
				return nil, fmt.Errorf("destination unit %s is a non-template unit", by)
			}
			links = append(links, path.Join(config, specifiers.Replace(by)+beside[key], name))
		}
	}
	for _, alias := range d.words("Install.Alias") {
		links = append(links, path.Join(config, specifiers.Replace(alias)))
	}
	return links, nil
}

// enable makes the links of the unit, and of those that it says go also, as systemctl does.
func enable(ctx context.Context, h host.Host, name string, seen map[string]bool) error {
	d, err := define(h, name)
	if err != nil || seen[d.id] {
		return err
	}
	seen[d.id] = true
	switch {
	case d.file == "":
		return fmt.Errorf("unit file %s does not exist", name)
	case d.masked:
		return fmt.Errorf("unit file %s is masked", d.file)
	case d.id != name:
		return fmt.Errorf("refusing to operate on alias name or linked unit file: %s", name)
	}
	links, err := d.installed()
	if err != nil {
		return err
	}
	for _, link := range links {
		if err := d.link(ctx, h, link); err != nil {
			return err
		}
	}
	for _, also := range d.words("Install.Also") {
		if err := enable(ctx, h, also, seen); err != nil {
			return err
		}
	}
	return nil
}

func (d *definition) link(ctx context.Context, h host.Host, name string) error {
	st, err := h.Lstat(name)
	if err != nil {
		return err
	}
	if ours, err := d.leadsHere(h, name); err != nil || ours || st.Kind == host.Symlink && path.Base(name) == d.id {
		return err
	}
	if st.Kind != host.Absent {
		return fmt.Errorf("file %s already exists", name)
	}
	if err := mkdirs(ctx, h, path.Dir(name)); err != nil {
		return err
	}
	if d.linked != "" {
		return h.Symlink(ctx, d.linked, name)
	}
	return h.Symlink(ctx, d.file, name)
}

// disable removes the links of the unit, whoever made them, and of those that it says go also.
func disable(ctx context.Context, h host.Host, name string, seen map[string]bool) error {
	d, err := define(h, name)
	if err != nil || d.masked || seen[d.id] {
		return err
	}
	seen[d.id] = true
	if d.file == "" {
		return fmt.Errorf("unit file %s does not exist", name)
	}
	links, err := d.enabling(h, config)
	if err != nil {
		return err
	}
	if d.linked != "" && path.Dir(d.file) == config {
		links = append(links, d.file)
	}
	for _, link := range links {
		if err := h.Remove(ctx, link, false); err != nil {
			return err
		}
		left, err := list(h, path.Dir(link))
		if err == nil && len(left) == 0 && path.Dir(link) != config {
			err = h.Remove(ctx, path.Dir(link), false)
		}
		if err != nil {
			return err
		}
	}
	for _, also := range d.words("Install.Also") {
		if err := disable(ctx, h, also, seen); err != nil {
			return err
		}
	}
	return nil
}

// mask makes the link in root that lets nothing start the unit, be it there or not.
func mask(ctx context.Context, h host.Host, name, root string) error {
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
	return errors.Join(mkdirs(ctx, h, root), h.Symlink(ctx, null, link))
}

// unmask removes both masks.
func unmask(ctx context.Context, h host.Host, name string) error {
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
