package fetch

import (
	"archive/tar"
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// unpacker writes an archive that a node sent: nothing of it can lead out of its folder.
type unpacker struct {
	root    *os.Root
	sums    map[string]string // by name in the archive, what is still to come
	folders []*tar.Header     // their modes are set last
	room    room
}

func unpack(r io.Reader, stage string) (err error) {
	root, err := os.OpenRoot(stage)
	if err != nil {
		return reason(err)
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	t := tar.NewReader(r)
	first, err := t.Next()
	if err != nil {
		return fmt.Errorf("the archive ends before it begins: %w", err)
	}
	if first.Name != "SUMS" || first.Size > maxSums {
		return errors.New("the archive does not begin with checksums, or is over the limit of them")
	}
	u := &unpacker{root: root, room: room{dir: stage}}
	if u.sums, err = readSums(t); err != nil {
		return err
	}
	for {
		h, err := t.Next()
		if err == io.EOF {
			break
		}
		if err == nil {
			err = u.entry(h, t)
		}
		if err != nil {
			return err
		}
	}
	for name := range u.sums {
		return fmt.Errorf("%s: is missing in the archive", name)
	}
	slices.Reverse(u.folders)
	for _, h := range u.folders {
		if err := root.Chmod(h.Name, mode(h)); err != nil {
			return err
		}
	}
	_, err = io.Copy(io.Discard, r) // padding
	return err
}

// entry writes one file. The first element of its name, which is known, becomes data.
func (u *unpacker) entry(h *tar.Header, content io.Reader) error {
	name := h.Name
	err := u.room.take(0)
	if err != nil {
		return err
	}
	if h.Name, err = below(name); err != nil {
		return err
	}
	switch h.Typeflag {
	case tar.TypeDir:
		u.folders = append(u.folders, h)
		return u.root.Mkdir(h.Name, 0o700)
	case tar.TypeSymlink:
		return u.root.Symlink(h.Linkname, h.Name)
	case tar.TypeLink:
		target, err := below(h.Linkname)
		if err != nil {
			return err
		}
		delete(u.sums, path.Clean(name)) // its content was verified under the other name
		return u.root.Link(target, h.Name)
	case tar.TypeReg:
		return u.file(h, path.Clean(name), content)
	}
	return fmt.Errorf("%s: is neither a file, a folder nor a link", name)
}

func (u *unpacker) file(h *tar.Header, name string, content io.Reader) (err error) {
	f, err := u.root.OpenFile(h.Name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	sum := sha256.New()
	if _, err := io.Copy(io.MultiWriter(&u.room, f, sum), content); err != nil {
		return fmt.Errorf("%s: %w", name, reason(err))
	}
	if want := u.sums[name]; want != hex.EncodeToString(sum.Sum(nil)) {
		return fmt.Errorf("%s: the checksum does not match", name)
	}
	delete(u.sums, name)
	return f.Chmod(mode(h))
}

// reason is an error without the file's name, which is a temporary one: of many nodes what is the same is told once.
func reason(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}

// mode is the whole mode of a file or a folder.
func mode(h *tar.Header) fs.FileMode {
	return h.FileInfo().Mode() & (fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky)
}

// below replaces the first element of a name by data.
func below(name string) (string, error) {
	clean := path.Clean(name)
	if !filepath.IsLocal(clean) || clean == "." {
		return "", fmt.Errorf("%q: leads out of its folder", name)
	}
	_, rest, _ := strings.Cut(clean, "/")
	return path.Join("data", rest), nil
}

// readSums reads what sha256sum wrote.
func readSums(r io.Reader) (map[string]string, error) {
	sums := map[string]string{}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 64<<10)
	for lines.Scan() {
		line, escaped := bytes.CutPrefix(lines.Bytes(), []byte(`\`))
		if len(line) < 67 {
			return nil, fmt.Errorf("checksums: %.80q is none", line)
		}
		name := string(line[66:])
		if escaped {
			name = strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\r`, "\r").Replace(name)
		}
		sums[path.Clean(name)] = string(line[:64])
	}
	return sums, lines.Err()
}
