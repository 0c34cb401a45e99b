// Package source brings manifests and modules from git to this node: a tag, a branch or a commit of a repository that is
// reached by https, ssh or on this node, verified where that is asked for, written into a fresh folder.
//
// A source is written git::URL//folder?ref=REF. Objects are fetched, shallow, into a store below the state folder, one for each
// URL, and everything is read from there; a repository that cannot be reached is answered for by that store, with a warning.
// No work tree is touched, and no hook, filter, attribute, submodule or configuration of a repository is honoured.
//
// Over ssh the host, its port, the user, keys and gateways are those that ~/.ssh/config and /etc/ssh/ssh_config give for the name in the URL. A
// key that APPLY_GIT_SSH_KEY names comes first; those of the agent (SSH_AUTH_SOCK) and, where none is named, ~/.ssh/id_ed25519, id_ecdsa and
// id_rsa are offered too. The host must be in a known_hosts file: the configuration's, or those that SSH_KNOWN_HOSTS lists. Over https a
// login comes from APPLY_GIT_CREDENTIALS (https://user:password@host, separated by spaces) or ~/.netrc (or NETRC; without its
// default entry), and GIT_SSL_CAINFO names the authorities to trust in the place of the system's.
//
// Errors that say "do not use this" (signature, owner, hostile tree, moved tag, a server's identity) are ErrUntrusted; what
// is larger than its limits is ErrLimit; all others are ordinary.
package source

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/nodeapply/apply/source/internal/gittree"
	"github.com/nodeapply/apply/source/internal/refs"
	"github.com/nodeapply/apply/source/internal/remote"
	"github.com/nodeapply/apply/source/internal/trust"
)

// ErrUntrusted is in the chain of every error about something that must not be used, whatever else is said of it.
var ErrUntrusted = trust.Err

// ErrLimit is in the chain of every error about a tree that is larger than its Limits.
var ErrLimit = gittree.ErrLimit

// ErrMoved is in the chain of the error that a tag no longer stands where it was pinned; so is ErrUntrusted.
var ErrMoved = errors.New("has moved")

const scheme = "git::"

// Source is where a manifest or module is: a path on this node, or a folder of a repository.
type Source struct {
	Path   string // a path on this node; all else is empty then
	URL    string // https://host/path, ssh://host/path, user@host:path, file:///path, /path
	Folder string // slash-separated, inside the repository; empty: its root. It may name a file
	Ref    string // tag, branch or commit, sought in that order; empty: the default branch
}

// Parse reads PATH as the command line and `source` of a module have it: git::URL//folder?ref=REF, or a path.
func Parse(text string) (Source, error) {
	rest, isGit := strings.CutPrefix(text, scheme)
	switch {
	case text == "":
		return Source{}, errors.New("source: want a path, or git::URL//folder?ref=REF, got nothing")
	case !isGit && strings.Contains(text, "://"):
		return Source{}, fmt.Errorf("source %q: did you mean %q?", redacted(text), scheme+redacted(text))
	case !isGit:
		return Source{Path: text}, nil
	}
	rest, query, _ := strings.Cut(rest, "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		return Source{}, fmt.Errorf("source %q: %w", redacted(scheme+rest), err)
	}
	for key, v := range values {
		if key != "ref" || len(v) != 1 {
			return Source{}, fmt.Errorf("source %q: %q: only ref=, once, may follow the question mark", redacted(scheme+rest), key)
		}
	}
	if v, given := values["ref"]; given && v[0] == "" {
		return Source{}, fmt.Errorf("source %q: ref= names nothing", redacted(scheme+rest))
	}
	start := 0
	if i := strings.Index(rest, "://"); i >= 0 {
		start = i + len("://")
	}
	repository, folder := rest, ""
	if i := strings.Index(rest[start:], "//"); i >= 0 {
		repository, folder = rest[:start+i], rest[start+i+2:]
	}
	return New(repository, values.Get("ref"), folder)
}

// New makes a Source of a repository's URL, a reference (may be empty) and a path inside it (may be empty).
func New(repository, ref, folder string) (Source, error) {
	s := Source{URL: repository, Ref: ref}
	if strings.ContainsFunc(repository+folder, unicode.IsControl) {
		return Source{}, errors.New("source: a control character in the URL of a repository")
	}
	if _, err := remote.Parse(repository); err != nil {
		repository, _, _ = strings.Cut(repository, "?")
		return Source{}, fmt.Errorf("source %q: %w", redacted(repository), err)
	}
	if folder != "" {
		s.Folder = path.Clean(folder)
	}
	if path.IsAbs(s.Folder) || s.Folder == ".." || strings.HasPrefix(s.Folder, "../") {
		return Source{}, fmt.Errorf("source %q: %q leads out of the repository", repository, folder)
	}
	if s.Folder == "." {
		s.Folder = ""
	}
	if err := refs.Check(ref); err != nil {
		return Source{}, fmt.Errorf("source %q: %w", repository, err)
	}
	return s, nil
}

// redacted is a text that may be a URL, or was meant to be one, with xxxxx in the place of a password.
func redacted(text string) string {
	before, rest, _ := strings.Cut(text, "://")
	authority, _, _ := strings.Cut(rest, "/")
	end := strings.LastIndexByte(authority, '@')
	if end < 0 { // a slash in the password
		end = strings.LastIndexByte(rest, '@')
	}
	user, _, found := strings.Cut(rest[:max(end, 0)], ":")
	if !found {
		return text
	}
	return before + "://" + user + ":xxxxx" + rest[end:]
}

// Git tells whether the source is in a repository that has to be fetched.
func (s Source) Git() bool { return s.URL != "" }

// String is the form that Parse reads.
func (s Source) String() string {
	if !s.Git() {
		return s.Path
	}
	text := scheme + s.URL
	if s.Folder != "" {
		text += "//" + s.Folder
	}
	if s.Ref != "" {
		text += "?ref=" + strings.ReplaceAll(url.QueryEscape(s.Ref), "%2F", "/")
	}
	return text
}

// Key is the name of the source in a Lock: its repository and ref. Folders of one revision share a pin.
func (s Source) Key() string { return Source{URL: s.URL, Ref: s.Ref}.String() }

// Kind is what a Ref turned out to name.
type Kind = refs.Kind

// The kinds of references.
const (
	Tag    = refs.Tag
	Branch = refs.Branch
	Commit = refs.Commit
)

// Dirt tells whether files are those of their commit.
type Dirt string

// Unknown is the answer where it could not be found in time.
const (
	Clean   Dirt = "clean"
	Dirty   Dirt = "dirty"
	Unknown Dirt = "unknown"
)

// Revision says which state of a repository files are of.
type Revision struct {
	Ref      string // as it was asked for; of a work tree: its branch
	RefKind  Kind
	Commit   string // 40 hexadecimal digits; empty in a work tree without any commit
	TreeHash string // of the commit's root tree, 40 hexadecimal digits; empty for a work tree
	Dirty    Dirt
}

// Tree is a revision's files in a fresh folder, which is the caller's to remove.
type Tree struct {
	Revision
	Dir      string // the root of the repository: absolute, mode 0700; its files are 0600 or 0700
	Path     string // what the source's Folder names, in Dir, links followed
	SignedBy string // principal or user id; empty where no signature was asked for
	Warnings []string
}

// maxNames bounds how many names are compared for a suggestion.
const maxNames = 10_000

// Inside finds a folder or file of the tree, links followed.
func (t *Tree) Inside(folder string) (string, error) {
	real, err := filepath.EvalSymlinks(filepath.Join(t.Dir, filepath.FromSlash(folder))) // no link of a tree leaves it
	if err == nil {
		return real, nil
	}
	var names []string
	err = filepath.WalkDir(t.Dir, func(name string, _ fs.DirEntry, err error) error {
		if err != nil || len(names) >= maxNames {
			return cmp.Or(err, fs.SkipAll)
		}
		if rel, err := filepath.Rel(t.Dir, name); err == nil && rel != "." {
			names = append(names, filepath.ToSlash(rel))
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	return "", fmt.Errorf("%q is not in the repository at %.12s%s", folder, t.Commit, refs.Suggest(folder, names))
}
