// Package worktree finds the git repository that a file is in, says whose it is, at which commit it stands and whether its
// files are those of that commit. It reads; it starts no program and honours no configuration.
package worktree

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/nodeapply/apply/source/internal/odb"
	"github.com/nodeapply/apply/source/internal/trust"
)

// Repository is a repository on this node, found to be the user's own.
type Repository struct {
	Worktree  string // the folder with the files; empty for a bare repository
	GitDir    string // HEAD and index
	CommonDir string // objects and refs; another than GitDir for a linked work tree
}

// Owners are the user ids whose repositories may be opened.
type Owners []uint32

// User returns who we are, and who became root by sudo: what git takes for "the user".
func User(getenv func(string) string) Owners {
	owners := Owners{uint32(os.Geteuid())}
	if os.Geteuid() == 0 {
		if id, err := strconv.ParseUint(getenv("SUDO_UID"), 10, 32); err == nil {
			owners = append(owners, uint32(id))
		}
	}
	return owners
}

// check refuses a path of another owner.
func (o Owners) check(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if owner := info.Sys().(*syscall.Stat_t).Uid; !slices.Contains(o, owner) {
		return trust.Errorf("%s: a repository owned by another user (uid %d)", path, owner)
	}
	return nil
}

// Real is path from the root and without links: the folder that it is relative to may be known by a name with links in it.
func Real(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(abs)
}

// Find returns the repository that path, a file or a folder, is in. Like git it looks into the folders above, as far as the
// file system reaches. A repository of another owner is a trust.Err, found before anything in it is read.
func Find(path string, owners Owners) (r Repository, found bool, err error) {
	dir, err := Real(path)
	if err != nil {
		return r, false, err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return r, false, err
	}
	if !info.IsDir() {
		dir = filepath.Dir(dir)
		if info, err = os.Stat(dir); err != nil {
			return r, false, err
		}
	}
	device := info.Sys().(*syscall.Stat_t).Dev
	for {
		r, found, err = inside(dir, owners)
		if found || err != nil {
			return r, found, err
		}
		above := filepath.Dir(dir)
		info, err := os.Stat(above)
		if err != nil || above == dir || info.Sys().(*syscall.Stat_t).Dev != device {
			return r, false, nil
		}
		dir = above
	}
}

// At returns the repository at path itself: a work tree's folder or a bare repository.
func At(path string, owners Owners) (Repository, error) {
	if _, err := os.Stat(path); err != nil {
		return Repository{}, err
	}
	r, found, err := inside(path, owners)
	if found || err != nil {
		return r, err
	}
	if !isGitDir(path) {
		return Repository{}, fmt.Errorf("%s: not a git repository", path)
	}
	return open("", path, owners)
}

// inside looks for dir/.git, a folder or a file that points to one.
func inside(dir string, owners Owners) (r Repository, found bool, err error) {
	dot := filepath.Join(dir, ".git")
	info, err := os.Stat(dot)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return r, false, nil
	}
	if err != nil {
		return r, false, err
	}
	for _, path := range []string{dir, dot} {
		if err := owners.check(path); err != nil {
			return r, false, err
		}
	}
	gitDir := dot
	if info.Mode().IsRegular() {
		target, err := readLine(dot)
		if err != nil {
			return r, false, err
		}
		target, isPointer := strings.CutPrefix(target, "gitdir: ")
		if !isPointer {
			return r, false, fmt.Errorf("%s: no gitdir in it", dot)
		}
		if gitDir = target; !filepath.IsAbs(gitDir) {
			gitDir = filepath.Join(dir, gitDir)
		}
	}
	if !isGitDir(gitDir) {
		return r, false, nil // git looks on above, too
	}
	r, err = open(dir, gitDir, owners)
	return r, err == nil, err
}

func isGitDir(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, "HEAD"))
	return err == nil
}

func open(tree, gitDir string, owners Owners) (Repository, error) {
	r := Repository{Worktree: tree, GitDir: gitDir, CommonDir: gitDir}
	if err := owners.check(gitDir); err != nil {
		return r, err
	}
	common, err := readLine(filepath.Join(gitDir, "commondir"))
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return r, err
	}
	if r.CommonDir = common; !filepath.IsAbs(common) {
		r.CommonDir = filepath.Join(gitDir, common)
	}
	return r, owners.check(r.CommonDir)
}

// readLine reads the first line of a small regular file.
func readLine(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() || info.Size() > 64<<10 {
		return "", fmt.Errorf("%s: not a small file", path)
	}
	raw, err := os.ReadFile(path)
	line, _, _ := strings.Cut(string(raw), "\n")
	return strings.TrimSpace(line), err
}

// Head returns the commit that is checked out and the branch that is, empty when none is. A repository without any commit
// has the zero hash.
func (r Repository) Head() (commit odb.Hash, branch string, err error) {
	line, err := readLine(filepath.Join(r.GitDir, "HEAD"))
	if err != nil {
		return commit, "", err
	}
	ref, symbolic := strings.CutPrefix(line, "ref: ")
	if !symbolic {
		commit, err = odb.ParseHash(line)
		return commit, "", err
	}
	ref = strings.TrimSpace(ref)
	branch = strings.TrimPrefix(ref, "refs/heads/")
	if !filepath.IsLocal(ref) {
		return commit, "", trust.Errorf("%s: HEAD leads out of it", r.GitDir)
	}
	if line, err = readLine(filepath.Join(r.CommonDir, ref)); err == nil {
		commit, err = odb.ParseHash(line)
		return commit, branch, err
	}
	packed, err := os.ReadFile(filepath.Join(r.CommonDir, "packed-refs"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return commit, branch, err
	}
	for line := range strings.Lines(string(packed)) {
		if digits, name, found := strings.Cut(strings.TrimSpace(line), " "); found && name == ref {
			commit, err = odb.ParseHash(digits)
			return commit, branch, err
		}
	}
	return commit, branch, nil
}
