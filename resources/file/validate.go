package file

import (
	"encoding/base64"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/file/internal/content"
	"github.com/nodeapply/apply/resources/file/internal/want"
	"github.com/nodeapply/apply/resources/internal/accounts"
)

// mistakes are those of a file's attributes.
type mistakes struct{ resources.Mistakes }

// require adds a mistake in an attribute unless ok.
func (m *mistakes) require(ok bool, attr, format string, args ...any) {
	if !ok {
		m.Addf(attr, format, args...)
	}
}

// Validate finds what is wrong with the attributes themselves and with their combination.
func (f *File) Validate() error {
	var bad mistakes
	bad.require(path.IsAbs(f.Path) && !strings.ContainsRune(f.Path, 0), "path", "want an absolute path, not %q", f.Path)
	if f.Ensure != "" {
		bad.OneOf("ensure", f.Ensure, want.File, want.Directory, want.Link, want.Absent, want.Present)
	}
	if f.Mode != "" {
		bad.Add("mode", f.Mode.Check())
	}
	bad.Add("owner", accounts.CheckOwner(string(f.Owner)))
	bad.Add("group", accounts.CheckOwner(string(f.Group)))
	bad.Add("backup", f.Backup.Check())
	if f.Links != "" {
		bad.OneOf("links", f.Links, "manage", follow)
	}
	f.validateContent(&bad)
	f.validateTree(&bad)
	ensure := f.ensure()
	bad.require(ensure != want.Link || f.Target != "", "target", "a link needs one")
	bad.require(f.Target == "" || ensure == want.Link || ensure == want.Absent, "target", "only a link has one, and ensure is %s", ensure)
	bad.require(f.Links != follow || f.Mode == "" || ensure != want.Link, "links", "a link with a target is not followed, and has no mode: declare what it points to in a block of its own")
	bad.require(!strings.ContainsRune(f.Target, 0), "target", "cannot hold a NUL byte")
	return bad.Err()
}

// validateContent looks at content and its sources.
func (f *File) validateContent(bad *mistakes) {
	var given []string
	var text string
	if f.Content != nil {
		given = append(given, "content")
		text = *f.Content
	}
	if f.ContentBase64 != nil {
		given = append(given, "content_base64")
		raw, err := base64.StdEncoding.DecodeString(*f.ContentBase64)
		bad.Add("content_base64", err)
		text = string(raw)
	}
	isText := len(given) > 0
	if len(f.Source) > 0 {
		given = append(given, "source")
	}
	if len(given) > 0 {
		bad.require(len(given) == 1, given[len(given)-1], "set only one of %s", strings.Join(given, ", "))
		attr, ensure := given[0], f.ensure()
		bad.require(ensure != want.Link, attr, "a link has none")
		bad.require(ensure != want.Directory || attr == "source", attr, "a directory has none")
	}
	sum, err := content.ParseChecksum(f.ChecksumValue)
	bad.Add("checksum_value", err)
	bad.require(f.ChecksumValue == "" || len(given) > 0, "checksum_value", "needs content or a source that it is the checksum of")
	if err == nil && isText {
		has, ok := sum.Check(text)
		bad.require(ok, "checksum_value", "the content has %s", has)
	}
	for _, source := range f.Source {
		remote := content.IsRemote(source)
		bad.require(remote || path.IsAbs(content.LocalPath(source)), "source", "want an absolute path or an http(s) address, not %q%s", source, beside(source))
		bad.require(!remote || f.ChecksumValue != "", "source", "an address needs checksum_value")
		bad.require(!f.Recurse || !strings.HasPrefix(path.Clean(f.Path)+"/", path.Clean(content.LocalPath(source))+"/"), "source", "%s is what %s is in: a folder cannot be copied into itself", source, f.Path)
		bad.require(!remote || f.ensure() != want.Directory, "source", "an address gives a file, not a directory")
	}
}

// beside says how a manifest writes the path of a file that comes with it, as the end of a sentence.
func beside(source string) string {
	switch {
	case source == "" || strings.Contains(source, "://"):
		return ""
	case strings.Contains(source, "\n"):
		return "; a text is given as `content`"
	}
	return fmt.Sprintf("; a file beside the manifest is \"${path.module}/%s\"", path.Clean(source))
}

// validateTree looks at what says how a folder's content is managed.
func (f *File) validateTree(bad *mistakes) {
	ensure := f.ensure()
	bad.require(!f.Recurse || slices.Contains([]string{want.Directory, want.Absent, want.Present, ""}, ensure), "recurse", "only a directory has something in it, and ensure is %s", ensure)
	bad.require(!f.Purge || f.Recurse, "purge", "needs recurse = true")
	bad.require(f.RecurseLimit == nil || *f.RecurseLimit >= 0, "recurselimit", "cannot be negative")
	bad.require(f.ChecksumValue == "" || !f.Recurse, "checksum_value", "a folder has none")
	for _, pattern := range f.Ignore {
		_, err := path.Match(pattern, "")
		bad.Add("ignore", err)
		bad.require(!strings.Contains(pattern, "/"), "ignore", "%q would match nothing: a pattern is for a name, which has no slash", pattern)
	}
}
