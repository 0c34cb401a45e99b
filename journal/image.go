package journal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/journal/internal/store"
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

// place waits until one more pre-image may be kept, and returns what is called when that has ended. Who starts a goroutine for it has its place
// before: of a large folder there are no more of them than places.
func (s *State) place(ctx context.Context) (leave func()) {
	select {
	case s.keep <- struct{}{}:
	default:
		host.Waiting(ctx, func() { s.keep <- struct{}{} })
	}
	return func() { <-s.keep }
}

// image reads what is at a name; a file's content goes to the store unless only its metadata will change.
func (s *State) image(ctx context.Context, v host.View, name string, content bool) (*image, error) {
	st, err := v.Lstat(name)
	if err != nil {
		return nil, err
	}
	if st.Kind == host.Regular && content {
		return s.file(ctx, v, name)
	}
	img := imageOf(st)
	switch st.Kind {
	case host.Absent:
		return &image{Kind: img.Kind}, nil
	case host.Symlink:
		target, err := v.Readlink(name)
		img.Target = []byte(target)
		return img, err
	case host.Regular, host.Directory:
		img.Xattrs, err = v.Xattrs(name)
	}
	return img, supported(err)
}

func imageOf(st host.Stat) *image {
	return &image{Kind: st.Kind.String(), Mode: st.Mode, UID: st.UID, GID: st.GID}
}

// file reads a file by one descriptor, so that what is kept as its owner's is that.
func (s *State) file(ctx context.Context, v host.View, name string) (*image, error) {
	f, err := v.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st := f.Stat()
	img := imageOf(st)
	if img.Xattrs, err = f.Xattrs(); supported(err) != nil {
		return nil, err
	}
	if st.Size > store.Cap {
		img.Missing = fmt.Sprintf("%d bytes are over the limit of the store", st.Size)
		return img, nil
	}
	img.Sum, err = s.store.Put(ctx, f)
	return img, err
}

// supported is err, but for that of a file system without attributes.
func supported(err error) error {
	if errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	return err
}
