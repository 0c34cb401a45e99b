// Package file is the resource type of files, folders and symbolic links: their content, target, mode and owner.
//
// Content is compared byte by byte as a stream and written whole; see [host.FileWriter] for what is promised of a write. A folder
// with recurse is walked as a stream too: memory depends neither on the size of files nor on their number.
package file

import (
	"context"
	"path"
	"slices"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/file/internal/backup"
	"github.com/nodeapply/apply/resources/file/internal/content"
	"github.com/nodeapply/apply/resources/file/internal/perm"
	"github.com/nodeapply/apply/resources/file/internal/want"
)

var (
	_ resources.Resource   = (*File)(nil)
	_ resources.Validator  = (*File)(nil)
	_ resources.Identified = (*File)(nil)
)

// Type is file.
func Type() resources.Type {
	return resources.Type{
		Name: "file",
		New: func(title string) resources.Resource {
			return &File{Path: title, Replace: true, Backup: backup.Store, ShowDiff: true}
		},
	}
}

// File manages a file, a folder, a symbolic link, or sees to it that nothing is there. What is not set is not managed.
//
// New files are 0644 and new folders 0755 unless mode says otherwise, whatever the umask. Content is replaced by a new file that is renamed
// over the old one: the old file's owner, mode, ACLs and extended attributes go over to it where they are not managed, further hard links
// keep the old content. A target that is itself a mount point cannot be renamed
// over: it is written in place, which a kill or a power cut can leave half done until the next run; the plan says so. `/` and the system's own top folders are never removed.
type File struct {
	// The absolute path of the file, folder or link. Default: the title.
	Path string `hcl:"path,title,public"`
	// What is to be at the path: `"file"`, `"directory"`, `"link"`, `"absent"`, or `"present"` (anything; an empty file is made where nothing is).
	// Default: `"link"` if `target` is set, `"file"` if content or a source is, `"directory"` if a source is with `recurse`; else whatever is
	// there has its mode and owner managed, and where nothing is nothing is made.
	Ensure string `hcl:"ensure"`
	// The content of the file, text in UTF-8.
	Content *string `hcl:"content"`
	// The content of the file in base64, for exact bytes that are not UTF-8 or not in normalization form C.
	ContentBase64 *string `hcl:"content_base64"`
	// Where the content comes from: an absolute path on the node, an `http://` or `https://` address (which needs `checksum_value`),
	// or a list of these, of which the first that exists is used. A folder is copied with `recurse`.
	Source resources.Strings `hcl:"source"`
	// What the symbolic link points to, absolute or relative to the link's folder.
	Target string `hcl:"target"`
	// Permission bits as a string, octal (`"0644"`) or symbolic (`"u+x,g-w,a=rX"`); a number is refused. On folders, read permission in an octal
	// mode brings search permission: `"0644"` is 0755 there. A symbolic mode changes what is there, or 0644 (0755 of a folder) where nothing is.
	// A link has none, and it says nothing of what the link points to.
	Mode perm.Mode `hcl:"mode"`
	// The owner, by name or id. A name is looked up when the file is visited, so that an earlier resource may make the user.
	Owner resources.Scalar `hcl:"owner"`
	// The group, by name or id, looked up when the file is visited.
	Group resources.Scalar `hcl:"group"`
	// Manage what is in the folder too: mode and owner of everything, and with `source` the content. Where there is no folder, only `source` or
	// `ensure = "directory"` makes one. Default: false.
	Recurse bool `hcl:"recurse"`
	// How many levels below the folder `recurse` goes; 1 is what is directly in it. Default: no limit.
	RecurseLimit *int `hcl:"recurselimit"`
	// With `recurse`: remove what is neither in the source nor managed, whole or in part, by another resource. Folders among it only with `force`.
	// Where a block may declare something in the folder under a name that only the run tells, the folder comes after what tells it, unless it has to be
	// before that; where the run does not tell it, nothing is removed. Default: false.
	Purge bool `hcl:"purge"`
	// Names that `recurse` passes over, neither copied nor purged: shell patterns (`*`, `?`, `[a-z]`) for the last element of the path. A folder with
	// such a name somewhere in it is not purged either. A string or a list.
	Ignore resources.Strings `hcl:"ignore"`
	// Remove a folder that is not empty, with all that is in it, where something else (or nothing) is declared. Default: false.
	Force bool `hcl:"force"`
	// Whether content or target of what is already there is replaced; false: they are only given to what is made. Default: true.
	Replace bool `hcl:"replace"`
	// Where the earlier content goes: `true` (default), into the journal's store, from which undo takes it; `false`, nowhere of its own; a
	// string such as `".bak"`, into a copy beside the file or link with that ending. Of a folder there is no such copy.
	Backup backup.To `hcl:"backup"`
	// What to do at a path that is a symbolic link: `"manage"` (default) the link itself, `"follow"` what it points to. For links in a
	// source folder: copy the link, or what it points to. A link with a `target` is itself what is managed.
	Links string `hcl:"links"`
	// The checksum of the content, hexadecimal, after `sha256:`, `sha512:`, `sha384:`, `sha224:`, `sha1:` or `md5:`, or told by its length. A
	// source with other content is an error; an address is only asked when the file does not have this checksum.
	ChecksumValue string `hcl:"checksum_value"`
	// A shell line that judges new content before it becomes visible; `%` stands for the new file's name, `%%` for a percent sign. If it fails, the old file stays.
	ValidateCmd string `hcl:"validate_cmd"`
	// Whether the difference of contents is shown. Default: true.
	ShowDiff bool `hcl:"show_diff"`
	// The user of the SELinux context, such as `system_u`. This and the three that follow are passed over where the kernel has no SELinux.
	SELUser string `hcl:"seluser"`
	// The role of the SELinux context, such as `object_r`.
	SELRole string `hcl:"selrole"`
	// The type of the SELinux context, such as `httpd_config_t`.
	SELType string `hcl:"seltype"`
	// The range of the SELinux context, such as `s0` or `s0:c0.c1023`.
	SELRange string `hcl:"selrange"`

	managed func() resources.Declared // see Survey; nil: nothing but this file is declared
}

// Check says what of the file, and of what is in the folder, differs. What is missing on the node, such as the owner, is an error that comes
// with the differences.
func (f *File) Check(ctx context.Context, v host.View) (resources.Diff, error) {
	w, from, err := f.wanted(ctx, v)
	if err != nil {
		return resources.Diff{}, err
	}
	defer w.Body.Close()
	is, err := w.Look(v)
	if err != nil {
		return resources.Diff{Notes: w.Notes}, err
	}
	defer is.Close()
	d, err := w.Compare(ctx, v, is)
	f.noteOther(w.Name, &d)
	if err != nil || !f.walks(&w, from) {
		return d, err
	}
	return f.below(&w, from).Compare(ctx, v, is.Kind, d)
}

// Prompt says that neither a folder's tree nor an address is looked at.
func (f *File) Prompt() bool {
	return !f.Recurse && !slices.ContainsFunc(f.Source, content.IsRemote)
}

// Apply brings the file, and what is in the folder, to what is declared.
func (f *File) Apply(ctx context.Context, h host.Host, d resources.Diff) error {
	w, from, err := f.wanted(ctx, h)
	if err != nil {
		return err
	}
	defer w.Body.Close()
	st, err := h.Lstat(w.Name)
	if err != nil {
		return err
	}
	if !f.walks(&w, from) {
		return w.Bring(ctx, h, st, d)
	}
	own, err := w.Compare(ctx, h, want.Found{Stat: st}) // d names the changes in the folder too
	if err == nil {
		err = w.Bring(ctx, h, st, own)
	}
	if err != nil {
		return err
	}
	return f.below(&w, from).Bring(ctx, h, d)
}

// Provides returns the path.
func (f *File) Provides() []resources.Identity {
	return []resources.Identity{{Kind: "path", Name: path.Clean(f.Path)}}
}

// Requires returns the folder above, the link's target, local sources and what they are mounted on, what is in a folder that is copied, the owner and the group.
func (f *File) Requires() []resources.Identity {
	name := path.Clean(f.Path)
	ids := []resources.Identity{{Kind: "path", Name: path.Dir(name), Nearest: true}}
	if f.Target != "" {
		ids = append(ids, resources.Identity{Kind: "path", Name: absolute(name, f.Target)})
	}
	for _, source := range f.Source {
		if source = content.LocalPath(source); path.IsAbs(source) {
			source = path.Clean(source)
			ids = append(ids, resources.Identity{Kind: "path", Name: source, Below: f.Recurse}, resources.Identity{Kind: "mount", Name: source, Nearest: true})
		}
	}
	if f.Owner != "" {
		ids = append(ids, resources.Identity{Kind: "user", Name: string(f.Owner)})
	}
	if f.Group != "" {
		ids = append(ids, resources.Identity{Kind: "group", Name: string(f.Group)})
	}
	return ids
}

// absolute returns where a link at name that says target points to.
func absolute(name, target string) string {
	if path.IsAbs(target) {
		return path.Clean(target)
	}
	return path.Join(path.Dir(name), target)
}
