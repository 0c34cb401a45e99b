// Package odb reads git objects from a repository's object store, loose or packed, and adds packs to a store of our own.
//
// No configuration, hook, filter, replacement or attribute of the repository is honoured. Whatever is read is hashed and
// compared with the name it was asked for by, so that a chain commit, tree, blob can be trusted as far as its first name is.
package odb

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/storage/filesystem"

	"github.com/nodeapply/apply/source/internal/trust"
)

// Hash is the name of an object: the raw 20 bytes of a SHA-1.
type Hash = [20]byte

// ErrNotFound is in the chain of errors about an object that the store does not hold.
var ErrNotFound = errors.New("object not found")

// ErrBroken is in the chain of errors about a store whose content is not what its names say.
var ErrBroken = errors.New("object store is broken")

// maxObject is the largest object that is read, in bytes: one is held in memory whole.
const maxObject = 256 << 20

const objectCache = 16 << 20 // bytes; the deltas' bases

// Store is an object store. It is not safe for concurrent use; Close it.
type Store struct {
	dir string
	s   *filesystem.Storage
}

// Open opens the object store of an existing repository: dir holds `objects`. Alternates outside of dir are a trust.Err.
func Open(dir string) (*Store, error) {
	if err := checkAlternates(dir); err != nil {
		return nil, err
	}
	if config, err := os.ReadFile(filepath.Join(dir, "config")); err == nil && usesSHA256(config) {
		return nil, fmt.Errorf("%s: object format sha256 is not supported", dir)
	}
	if _, err := os.Stat(filepath.Join(dir, "objects")); err != nil {
		return nil, err
	}
	return &Store{dir: dir, s: openStorage(dir)}, nil
}

func openStorage(dir string) *filesystem.Storage {
	return filesystem.NewStorage(osfs.New(dir, osfs.WithBoundOS()), cache.NewObjectLRU(objectCache))
}

// usesSHA256 looks for extensions.objectFormat, the only line of a repository's configuration that is ever read.
func usesSHA256(config []byte) bool {
	for line := range strings.Lines(strings.ToLower(string(config))) {
		key, value, _ := strings.Cut(line, "=")
		if strings.TrimSpace(key) == "objectformat" {
			return strings.TrimSpace(value) != "sha1"
		}
	}
	return false
}

func checkAlternates(dir string) error {
	file := filepath.Join(dir, "objects", "info", "alternates")
	_, err := os.Lstat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return trust.Errorf("%s: borrows objects from outside the repository (git repack -ad && rm objects/info/alternates ends that)", file)
}

// Close closes the files that reading keeps open.
func (s *Store) Close() error { return s.s.Close() }

// Has tells whether the store holds the object.
func (s *Store) Has(h Hash) (bool, error) {
	err := s.s.HasEncodedObject(plumbing.Hash(h))
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		return false, nil
	}
	if err != nil {
		return false, readError(h, err)
	}
	return true, nil
}

// Size is the length in bytes of an object's content.
func (s *Store) Size(h Hash) (int64, error) {
	size, err := s.s.EncodedObjectSize(plumbing.Hash(h))
	if err != nil {
		return 0, readError(h, err)
	}
	return size, nil
}

// Kind is what an object is: "commit", "tree", "blob" or "tag".
func (s *Store) Kind(h Hash) (string, error) {
	if size, err := s.Size(h); err != nil {
		return "", err
	} else if size > maxObject {
		return "", fmt.Errorf("object %s: limit of %d bytes", hex.EncodeToString(h[:]), maxObject)
	}
	o, err := s.s.EncodedObject(plumbing.AnyObject, plumbing.Hash(h))
	if err != nil {
		return "", readError(h, err)
	}
	return o.Type().String(), nil
}

// Read returns the content of an object of this kind ("commit", "tree", "blob", "tag"), which was hashed and found to be h.
func (s *Store) Read(h Hash, kind string) ([]byte, error) {
	size, err := s.Size(h)
	if err != nil {
		return nil, err
	}
	if size > maxObject {
		return nil, fmt.Errorf("object %s: limit of %d bytes", hex.EncodeToString(h[:]), maxObject)
	}
	o, err := s.s.EncodedObject(plumbing.AnyObject, plumbing.Hash(h))
	if err != nil {
		return nil, readError(h, err)
	}
	if got := o.Type().String(); got != kind {
		return nil, trust.Errorf("object %s: a %s where a %s should be", hex.EncodeToString(h[:]), got, kind)
	}
	r, err := o.Reader()
	if err != nil {
		return nil, readError(h, err)
	}
	defer r.Close()
	content, err := io.ReadAll(io.LimitReader(r, maxObject))
	if err != nil {
		return nil, readError(h, err)
	}
	hasher := plumbing.NewHasher(o.Type(), int64(len(content)))
	hasher.Write(content)
	if hasher.Sum() != plumbing.Hash(h) {
		return nil, fmt.Errorf("object %s: %w: its content has another hash", hex.EncodeToString(h[:]), ErrBroken)
	}
	return content, nil
}

// Prefixed returns the commits whose names begin with these hexadecimal digits, at least four of them.
func (s *Store) Prefixed(digits string) ([]Hash, error) {
	whole, err := hex.DecodeString(digits[:len(digits)&^1])
	if err != nil || len(digits) < 4 || len(digits) > 2*len(Hash{}) {
		return nil, nil
	}
	found, err := s.s.HashesWithPrefix(whole)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBroken, err)
	}
	seen := map[Hash]bool{}
	var commits []Hash
	for _, h := range found {
		if !strings.HasPrefix(h.String(), strings.ToLower(digits)) || seen[Hash(h)] {
			continue
		}
		seen[Hash(h)] = true
		kind, err := s.Kind(Hash(h))
		if err != nil {
			return nil, err
		}
		if kind == "commit" {
			commits = append(commits, Hash(h))
		}
	}
	return commits, nil
}

// readError sorts what the storage says: not there, the system failed, or content that cannot be right.
func readError(h Hash, err error) error {
	name := hex.EncodeToString(h[:])
	var path *fs.PathError
	switch {
	case errors.Is(err, plumbing.ErrObjectNotFound):
		return fmt.Errorf("object %s: %w", name, ErrNotFound)
	case errors.As(err, &path) && !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("object %s: %w", name, err)
	}
	return fmt.Errorf("object %s: %w: %w", name, ErrBroken, err)
}

// Header is one header line of a commit or tag, its continuation lines joined by newlines.
type Header struct{ Key, Value string }

// headers reads the headers of a commit or a tag: all before the first empty line.
func headers(raw []byte) (headers []Header, err error) {
	for len(raw) > 0 && raw[0] != '\n' {
		line, rest, found := bytes.Cut(raw, []byte("\n"))
		if !found {
			return nil, trust.Errorf("malformed object: a header without an end")
		}
		raw = rest
		if line[0] == ' ' && len(headers) > 0 {
			headers[len(headers)-1].Value += "\n" + string(line[1:])
			continue
		}
		key, value, _ := strings.Cut(string(line), " ")
		headers = append(headers, Header{key, value})
	}
	return headers, nil
}

// Commit is what a commit object points to.
type Commit struct {
	Tree    Hash
	Parents []Hash
	Raw     []byte
}

// Commit reads a commit.
func (s *Store) Commit(h Hash) (Commit, error) {
	raw, err := s.Read(h, "commit")
	if err != nil {
		return Commit{}, err
	}
	headers, err := headers(raw)
	if err != nil {
		return Commit{}, err
	}
	c := Commit{Raw: raw}
	if len(headers) == 0 || headers[0].Key != "tree" {
		return Commit{}, trust.Errorf("commit %s: no tree", hex.EncodeToString(h[:]))
	}
	if c.Tree, err = ParseHash(headers[0].Value); err != nil {
		return Commit{}, err
	}
	for _, header := range headers[1:] {
		if header.Key != "parent" {
			break
		}
		p, err := ParseHash(header.Value)
		if err != nil {
			return Commit{}, err
		}
		c.Parents = append(c.Parents, p)
	}
	return c, nil
}

// Tag is what an annotated tag says.
type Tag struct {
	Name   string
	Kind   string // of the target: "commit", "tag", ...
	Target Hash
	Raw    []byte
}

// Tag reads an annotated tag.
func (s *Store) Tag(h Hash) (Tag, error) {
	raw, err := s.Read(h, "tag")
	if err != nil {
		return Tag{}, err
	}
	headers, err := headers(raw)
	if err != nil {
		return Tag{}, err
	}
	if len(headers) < 3 || headers[0].Key != "object" || headers[1].Key != "type" || headers[2].Key != "tag" {
		return Tag{}, trust.Errorf("tag object %s: malformed", hex.EncodeToString(h[:]))
	}
	target, err := ParseHash(headers[0].Value)
	return Tag{Name: headers[2].Value, Kind: headers[1].Value, Target: target, Raw: raw}, err
}

// ParseHash reads the 40 hexadecimal digits of an object's name.
func ParseHash(digits string) (Hash, error) {
	raw, err := hex.DecodeString(digits)
	if err != nil || len(raw) != len(Hash{}) {
		return Hash{}, trust.Errorf("malformed object: %.50q is not an object's name", digits)
	}
	return Hash(raw), nil
}
