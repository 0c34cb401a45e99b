// Package gittree reads a git tree object with everything below it, refuses what could harm whoever writes it to a disk,
// and writes it into a fresh folder.
//
// Names are slash-separated and relative to the tree's root. Nothing is interpreted: no attributes, no filters, no hooks, no
// submodules. A refusal for what the tree holds is a trust.Err, one for its size an ErrLimit.
package gittree

import (
	"bytes"
	"errors"
	"strconv"
	"strings"

	"github.com/nodeapply/apply/source/internal/trust"
)

// Hash is the name of an object: the raw 20 bytes of a SHA-1.
type Hash = [20]byte

// Mode is what a tree says an entry is. Git knows no others; 0100664 was written by its first releases.
type Mode uint32

// The modes of tree entries.
const (
	Folder     Mode = 0o040000
	File       Mode = 0o100644
	GroupFile  Mode = 0o100664
	Executable Mode = 0o100755
	Link       Mode = 0o120000
	Submodule  Mode = 0o160000
)

// Entry is one line of a tree object.
type Entry struct {
	Name string // one component until Load makes it the whole path
	Mode Mode
	Hash Hash
}

var errMalformed = errors.New("malformed tree object")

// Parse splits the content of a tree object. It is strict: unknown modes, dangerous or repeated names are refused.
func Parse(raw []byte) ([]Entry, error) {
	var entries []Entry
	seen := map[string]bool{}
	for len(raw) > 0 {
		space := bytes.IndexByte(raw, ' ')
		if space < 1 || space > 7 {
			return nil, trust.Errorf("%w", errMalformed)
		}
		mode, err := strconv.ParseUint(string(raw[:space]), 8, 32)
		if err != nil {
			return nil, trust.Errorf("%w", errMalformed)
		}
		raw = raw[space+1:]
		nul := bytes.IndexByte(raw, 0)
		if nul < 0 || len(raw) < nul+1+len(Hash{}) {
			return nil, trust.Errorf("%w", errMalformed)
		}
		e := Entry{Name: string(raw[:nul]), Mode: Mode(mode), Hash: Hash(raw[nul+1 : nul+1+len(Hash{})])}
		raw = raw[nul+1+len(Hash{}):]
		if err := checkName(e.Name); err != nil {
			return nil, err
		}
		switch e.Mode {
		case Folder, File, GroupFile, Executable, Link, Submodule:
		default:
			return nil, trust.Errorf("%q: mode %o is not one that git writes", e.Name, mode)
		}
		if seen[e.Name] {
			return nil, trust.Errorf("%q: the name is in its folder twice", e.Name)
		}
		seen[e.Name] = true
		entries = append(entries, e)
	}
	return entries, nil
}

// checkName refuses names that are more than one plain component, and every spelling under which some file system would
// read `.git` (the list is git's own: verify_path, is_ntfs_dotgit and is_hfs_dotgit).
func checkName(name string) error {
	switch {
	case name == "":
		return trust.Errorf("a name in the tree is empty")
	case name == "." || name == "..":
		return trust.Errorf("%q: not a name", name)
	case strings.ContainsAny(name, "/\\"):
		return trust.Errorf("%q: a name with a slash", name)
	case len(name) > 255:
		return trust.Errorf("%.40q...: a name of %d bytes", name, len(name))
	}
	plain := strings.Map(func(r rune) rune {
		if hfsIgnores(r) {
			return -1
		}
		return r
	}, name)
	plain, _, _ = strings.Cut(strings.ToLower(plain), ":") // NTFS: an alternate data stream
	plain = strings.TrimRight(plain, " .")                 // NTFS: trailing dots and spaces do not count
	if plain == ".git" || plain == "git~1" {
		return trust.Errorf("%q: a spelling of %q", name, ".git")
	}
	return nil
}

// hfsIgnores tells the code points that HFS+ leaves out when it compares names.
func hfsIgnores(r rune) bool {
	switch {
	case r >= 0x200c && r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x206a && r <= 0x206f, r == 0xfeff:
		return true
	}
	return false
}
