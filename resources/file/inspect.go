package file

import (
	"context"
	"encoding/base64"
	"io"
	"path"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/file/internal/owner"
	"github.com/nodeapply/apply/resources/file/internal/perm"
	"github.com/nodeapply/apply/resources/file/internal/want"
)

var _ resources.Inspector = (*File)(nil)

// inspected is the most content, in bytes, that Inspect reads: more would not fit into a manifest.
const inspected = 512 << 10

// Inspect fills the attributes from what is at the path. Content is text where a manifest can hold it exactly, else base64; of a file larger
// than 512 KiB it is left out, and so are the things that are in a folder.
func (f *File) Inspect(ctx context.Context, v host.View) error {
	name := path.Clean(f.Path)
	st, err := v.Lstat(name)
	if err != nil {
		return err
	}
	switch st.Kind {
	case host.Absent:
		f.Ensure = want.Absent
		return nil
	case host.Regular, host.Directory, host.Symlink:
		f.Ensure = st.Kind.String()
	default:
		f.Ensure = want.Present
	}
	user, group := owner.Names(ctx, v, st)
	f.Owner, f.Group = resources.Scalar(user), resources.Scalar(group)
	if st.Kind == host.Symlink {
		f.Target, err = v.Readlink(name)
		return err
	}
	f.Mode = perm.Exactly(st.Kind, st.Mode)
	if st.Kind == host.Regular && st.Size <= inspected {
		return f.inspectContent(v, name)
	}
	return nil
}

func (f *File) inspectContent(v host.View, name string) error {
	file, err := v.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, inspected+1))
	if err != nil || len(content) > inspected {
		return err
	}
	if utf8.Valid(content) && norm.NFC.IsNormal(content) {
		text := string(content)
		f.Content = &text
		return nil
	}
	encoded := base64.StdEncoding.EncodeToString(content)
	f.ContentBase64 = &encoded
	return nil
}
