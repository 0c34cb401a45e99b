package file

import (
	"encoding/base64"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/file/internal/content"
	"github.com/nodeapply/apply/resources/file/internal/want"
	"github.com/nodeapply/apply/resources/internal/accounts"
)

// Validate finds what is wrong with the attributes themselves and with their combination.
func (f *File) Validate() error {
	var errs []error
	check := func(attr string, err error) {
		if err != nil {
			errs = append(errs, &resources.AttrError{Attr: attr, Err: err})
		}
	}
	require := func(ok bool, attr, reason string, args ...any) {
		if !ok {
			check(attr, fmt.Errorf(reason, args...))
		}
	}
	require(path.IsAbs(f.Path) && !strings.ContainsRune(f.Path, 0), "path", "want an absolute path, not %q", f.Path)
	known := []string{"", want.File, want.Directory, want.Link, want.Absent, want.Present}
	require(slices.Contains(known, f.Ensure), "ensure", "want file, directory, link, absent or present, not %q", f.Ensure)
	if f.Mode != "" {
		check("mode", f.Mode.Check())
	}
	check("owner", accounts.CheckOwner(string(f.Owner)))
	check("group", accounts.CheckOwner(string(f.Group)))
	check("backup", f.Backup.Check())
	require(slices.Contains([]string{"", "manage", follow}, f.Links), "links", "want manage or follow, not %q", f.Links)
	f.validateContent(check, require)
	f.validateTree(check, require)
	ensure := f.ensure()
	require(ensure != want.Link || f.Target != "", "target", "a link needs one")
	require(f.Target == "" || ensure == want.Link || ensure == want.Absent, "target", "only a link has one, and ensure is %s", ensure)
	require(!strings.ContainsRune(f.Target, 0), "target", "cannot hold a NUL byte")
	return errors.Join(errs...)
}

// validateContent looks at content and its sources.
func (f *File) validateContent(check func(string, error), require func(bool, string, string, ...any)) {
	var given []string
	var text string
	if f.Content != nil {
		given = append(given, "content")
		text = *f.Content
	}
	if f.ContentBase64 != nil {
		given = append(given, "content_base64")
		raw, err := base64.StdEncoding.DecodeString(*f.ContentBase64)
		check("content_base64", err)
		text = string(raw)
	}
	isText := len(given) > 0
	if len(f.Source) > 0 {
		given = append(given, "source")
	}
	if len(given) > 0 {
		require(len(given) == 1, given[len(given)-1], "set only one of %s", strings.Join(given, ", "))
		attr, ensure := given[0], f.ensure()
		require(ensure != want.Link, attr, "a link has none")
		require(ensure != want.Directory || attr == "source", attr, "a directory has none")
	}
	sum, err := content.ParseChecksum(f.ChecksumValue)
	check("checksum_value", err)
	require(f.ChecksumValue == "" || len(given) > 0, "checksum_value", "needs content or a source that it is the checksum of")
	if err == nil && isText {
		has, ok := sum.Check(text)
		require(ok, "checksum_value", "the content has %s", has)
	}
	for _, source := range f.Source {
		remote := content.IsRemote(source)
		require(remote || path.IsAbs(content.LocalPath(source)), "source", "want an absolute path or an http(s) address, not %q%s", source, beside(source))
		require(!remote || f.ChecksumValue != "", "source", "an address needs checksum_value")
		require(!f.Recurse || !strings.HasPrefix(path.Clean(f.Path)+"/", path.Clean(content.LocalPath(source))+"/"), "source", "%s is what %s is in: a folder cannot be copied into itself", source, f.Path)
		require(!remote || f.ensure() != want.Directory, "source", "an address gives a file, not a directory")
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
func (f *File) validateTree(check func(string, error), require func(bool, string, string, ...any)) {
	ensure := f.ensure()
	require(!f.Recurse || slices.Contains([]string{want.Directory, want.Absent, want.Present, ""}, ensure), "recurse", "only a directory has something in it, and ensure is %s", ensure)
	require(!f.Purge || f.Recurse, "purge", "needs recurse = true")
	require(f.RecurseLimit == nil || *f.RecurseLimit >= 0, "recurselimit", "cannot be negative")
	require(f.ChecksumValue == "" || !f.Recurse, "checksum_value", "a folder has none")
	for _, pattern := range f.Ignore {
		_, err := path.Match(pattern, "")
		check("ignore", err)
		require(!strings.Contains(pattern, "/"), "ignore", "%q would match nothing: a pattern is for a name, which has no slash", pattern)
	}
}
