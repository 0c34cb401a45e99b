package file

import (
	"context"
	"strings"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
)

const selinuxXattr = "security.selinux"

// label is an SELinux context: user, role, type and range. An empty part is not managed.
type label [4]string

// labelAttrs are the attributes of the parts of a label.
func labelAttrs() [4]string { return [4]string{"seluser", "selrole", "seltype", "selrange"} }

// label returns what is declared; without SELinux in the kernel nothing is.
func (f *File) label(v host.View) (label, error) {
	l := label{f.SELUser, f.SELRole, f.SELType, f.SELRange}
	if l == (label{}) {
		return l, nil
	}
	st, err := v.Lstat("/sys/fs/selinux/enforce")
	if err != nil || st.Kind == host.Absent {
		return label{}, err
	}
	return l, nil
}

// labelOf reads the label of a file.
func labelOf(v host.View, name string) (label, error) {
	var l label
	xattrs, err := v.Xattrs(name)
	if err != nil {
		return l, err
	}
	text := strings.TrimRight(string(xattrs[selinuxXattr]), "\x00")
	copy(l[:], strings.SplitN(text, ":", len(l))) // a range has colons of its own
	return l, nil
}

// over returns l with the parts that l leaves open taken from is.
func (l label) over(is label) label {
	for i, part := range l {
		if part == "" {
			l[i] = is[i]
		}
	}
	return l
}

func (l label) String() string { return strings.TrimRight(strings.Join(l[:], ":"), ":") }

// compareLabel adds the changes of the SELinux context.
func (w *want) compareLabel(v host.View, fresh bool, d *resources.Diff) error {
	if w.label == (label{}) {
		return nil
	}
	var is label
	if !fresh {
		var err error
		if is, err = labelOf(v, w.name); err != nil {
			return err
		}
	}
	for i, attr := range labelAttrs() {
		if part := w.label[i]; part != "" && part != is[i] {
			d.Changes = append(d.Changes, resources.Change{Attr: attr, From: is[i], To: part})
		}
	}
	return nil
}

// bringLabel sets the declared parts of the SELinux context, the others stay.
func (w *want) bringLabel(ctx context.Context, h host.Host) error {
	if w.label == (label{}) {
		return nil
	}
	is, err := labelOf(h, w.name)
	if err != nil {
		return err
	}
	to := w.label.over(is)
	if to == is {
		return nil
	}
	return h.SetMeta(ctx, w.name, host.Meta{Xattrs: map[string][]byte{selinuxXattr: append([]byte(to.String()), 0)}})
}
