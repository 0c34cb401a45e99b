// Package label is the SELinux context of files.
package label

import (
	"context"
	"strings"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
)

const xattr = "security.selinux"

// Label is an SELinux context: user, role, type and range. An empty part is not managed.
type Label [4]string

// attrs are the attributes of the parts of a label.
func attrs() [4]string { return [4]string{"seluser", "selrole", "seltype", "selrange"} }

// Declared returns the label of these parts; without SELinux in the kernel nothing is declared.
func Declared(v host.View, user, role, typ, rng string) (Label, error) {
	l := Label{user, role, typ, rng}
	if l == (Label{}) {
		return l, nil
	}
	st, err := v.Lstat("/sys/fs/selinux/enforce")
	if err != nil || st.Kind == host.Absent {
		return Label{}, err
	}
	return l, nil
}

// of reads the label of a file.
func of(v host.View, name string) (Label, error) {
	var l Label
	xattrs, err := v.Xattrs(name)
	if err != nil {
		return l, err
	}
	text := strings.TrimRight(string(xattrs[xattr]), "\x00")
	copy(l[:], strings.SplitN(text, ":", len(l))) // a range has colons of its own
	return l, nil
}

// over returns l with the parts that l leaves open taken from is.
func (l Label) over(is Label) Label {
	for i, part := range l {
		if part == "" {
			l[i] = is[i]
		}
	}
	return l
}

func (l Label) String() string { return strings.TrimRight(strings.Join(l[:], ":"), ":") }

// Compare returns the changes of the label of the file at name, which is fresh if it is yet to be made.
func (l Label) Compare(v host.View, name string, fresh bool) ([]resources.Change, error) {
	if l == (Label{}) {
		return nil, nil
	}
	var is Label
	if !fresh {
		var err error
		if is, err = of(v, name); err != nil {
			return nil, err
		}
	}
	var changes []resources.Change
	for i, attr := range attrs() {
		if l[i] != "" && l[i] != is[i] {
			changes = append(changes, resources.Change{Attr: attr, From: is[i], To: l[i]})
		}
	}
	return changes, nil
}

// Bring sets the declared parts of the label of the file at name, the others stay.
func (l Label) Bring(ctx context.Context, h host.Host, name string) error {
	if l == (Label{}) {
		return nil
	}
	is, err := of(h, name)
	if err != nil {
		return err
	}
	to := l.over(is)
	if to == is {
		return nil
	}
	return h.SetMeta(ctx, name, host.Meta{Xattrs: map[string][]byte{xattr: append([]byte(to.String()), 0)}})
}
