package journal

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/nodeapply/apply/host"
)

// Limits of the store of pre-images, in bytes and days.
const (
	fileCap  = 1 << 30 // a larger file, by its apparent size, is not kept
	storeCap = 8 << 30
	keepDays = 90
)

// image is what was at a name before it was changed.
type image struct {
	Kind   string            `json:"kind"` // by host.Kind.String; "absent" for nothing
	Mode   uint32            `json:"mode,omitempty"`
	UID    uint32            `json:"uid"`
	GID    uint32            `json:"gid"`
	Target []byte            `json:"target,omitempty"` // of a link
	Sum    string            `json:"sha256,omitempty"` // of a file's content in the store
	Xattrs map[string][]byte `json:"xattrs,omitempty"`
	// Missing says why the content is not kept, "" if it is.
	Missing string `json:"missing,omitempty"`
}

// trace is how a name looked when a resource had ended with it.
type trace struct {
	Name []byte    `json:"name"`
	Kind string    `json:"kind"`
	Mode uint32    `json:"mode,omitempty"`
	UID  uint32    `json:"uid"`
	GID  uint32    `json:"gid"`
	Size int64     `json:"size,omitempty"`
	Ino  uint64    `json:"ino,omitempty"`
	Time time.Time `json:"time,omitzero"`
}

func traceOf(v host.View, name string) (trace, error) {
	st, err := v.Lstat(name)
	if err != nil {
		return trace{}, err
	}
	t := trace{Name: []byte(name), Kind: st.Kind.String(), Mode: st.Mode, UID: st.UID, GID: st.GID}
	if st.Kind == host.Regular {
		t.Size, t.Ino, t.Time = st.Size, st.Ino, st.ModTime
	}
	return t, nil
}

func (t trace) same(u trace) bool {
	return t.Kind == u.Kind && t.Mode == u.Mode && t.UID == u.UID && t.GID == u.GID && t.Size == u.Size && t.Ino == u.Ino && t.Time.Equal(u.Time)
}

// image reads what is at a name; a file's content goes to the store unless only its metadata will change.
func (s *State) image(ctx context.Context, v host.View, name string, content bool) (*image, error) {
	select {
	case s.keep <- struct{}{}:
	default:
		host.Waiting(ctx, func() { s.keep <- struct{}{} })
	}
	defer func() { <-s.keep }()
	st, err := v.Lstat(name)
	if err != nil {
		return nil, err
	}
	img := &image{Kind: st.Kind.String(), Mode: st.Mode, UID: st.UID, GID: st.GID}
	switch st.Kind {
	case host.Absent:
		return &image{Kind: img.Kind}, nil
	case host.Symlink:
		target, err := v.Readlink(name)
		img.Target = []byte(target)
		return img, err
	case host.Regular, host.Directory:
		if img.Xattrs, err = v.Xattrs(name); err != nil && !errors.Is(err, errors.ErrUnsupported) {
			return nil, err
		}
	}
	if st.Kind != host.Regular || !content {
		return img, nil
	}
	if st.Size > fileCap {
		img.Missing = fmt.Sprintf("%d bytes are over the limit of the store", st.Size)
		return img, nil
	}
	f, err := v.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	img.Sum, err = s.put(ctx, f)
	return img, err
}

// put copies content to the store and returns its hash. It is on disk when put returns.
func (s *State) put(ctx context.Context, r io.Reader) (string, error) {
	sum, err := s.copyIn(ctx, filepath.Join(s.dir, "store"), r)
	if err != nil {
		return "", fmt.Errorf("store: %w", err)
	}
	return sum, nil
}

func (s *State) copyIn(ctx context.Context, dir string, r io.Reader) (sum string, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	tmp := filepath.Join(dir, "new-"+rand.Text())
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	defer f.Close()
	renamed := false
	defer func() {
		if !renamed {
			err = errors.Join(err, os.Remove(tmp))
		}
	}()
	h := sha256.New()
	if _, err = io.Copy(io.MultiWriter(f, h), &bounded{ctx, io.LimitReader(r, fileCap+1)}); err != nil {
		return "", err
	}
	sum = hex.EncodeToString(h.Sum(nil))
	name := filepath.Join(dir, sum)
	if info, statErr := os.Lstat(name); statErr == nil && info.Mode().IsRegular() {
		now := time.Now() // what is needed again is not pruned for its age
		if err := os.Chtimes(name, now, now); err != nil {
			return "", err
		}
	} else {
		if err := s.durable(ctx, f); err != nil {
			return "", err
		}
		if err := os.Rename(tmp, name); err != nil {
			return "", err
		}
		renamed = true
	}
	d, err := os.Open(dir)
	if err != nil {
		return "", err
	}
	defer d.Close()
	return sum, s.durable(ctx, d) // also of a name that somebody else has just given it
}

// durable waits until f is on disk, together with what else of the store waits for that.
func (s *State) durable(ctx context.Context, f *os.File) error {
	var err error
	host.Waiting(ctx, func() {
		err = s.sync.Sync(func(joined func() int) { host.Gather(ctx, joined) }, int(f.Fd()))
	})
	return err
}

// bounded ends a copy when ctx ends.
type bounded struct {
	ctx context.Context
	r   io.Reader
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.ctx.Err() != nil {
		return 0, context.Cause(b.ctx)
	}
	return b.r.Read(p)
}

// get opens content of the store and checks that it is what its name says.
func (s *State) get(sum string) (*os.File, error) {
	f, err := os.Open(filepath.Join(s.dir, "store", sum))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("the content is no longer in the store")
	}
	if err != nil {
		return nil, err
	}
	h := sha256.New()
	_, err = io.Copy(h, f)
	if err == nil && hex.EncodeToString(h.Sum(nil)) != sum {
		err = errors.New("the content in the store is damaged")
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
