// Package image keeps what was at a name before it was changed, and puts it back.
package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"syscall"
	"time"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/descriptors"
	"github.com/nodeapply/apply/host/waiting"
	"github.com/nodeapply/apply/journal/internal/store"
)

// Image is what was at a name before it was changed.
type Image struct {
	Kind   string            `json:"kind"` // by host.Kind.String; "absent" for nothing
	Mode   uint32            `json:"mode,omitempty"`
	UID    uint32            `json:"uid"`
	GID    uint32            `json:"gid"`
	Target []byte            `json:"target,omitempty"` // of a link
	Sum    string            `json:"sha256,omitempty"` // of a file's content in the store
	Xattrs map[string][]byte `json:"xattrs,omitempty"`
	// Missing says why the content is not kept, "" if it is.
	Missing string `json:"missing,omitempty"`

	// These tell it from what is like it. Earlier versions left them out.
	Size    int64     `json:"size,omitempty"`
	Ino     uint64    `json:"ino,omitempty"`
	Time    time.Time `json:"time,omitzero"`
	Changed time.Time `json:"changed,omitzero"`
}

// Trace is how a name looked when a resource had ended with it.
type Trace struct {
	Name []byte    `json:"name"`
	Kind string    `json:"kind"`
	Mode uint32    `json:"mode,omitempty"`
	UID  uint32    `json:"uid"`
	GID  uint32    `json:"gid"`
	Size int64     `json:"size,omitempty"`
	Ino  uint64    `json:"ino,omitempty"`
	Time time.Time `json:"time,omitzero"`
	// Target is of a link. Where it is not known it counts for nothing: earlier versions left it out.
	Target []byte `json:"target,omitempty"`
}

// TraceOf describes what is at name.
func TraceOf(v host.View, name string) (Trace, error) {
	st, err := lstat(v, name)
	if err != nil {
		return Trace{}, err
	}
	t := Trace{Name: []byte(name), Kind: st.Kind.String(), Mode: st.Mode, UID: st.UID, GID: st.GID}
	switch st.Kind {
	case host.Regular:
		t.Size, t.Ino, t.Time = st.Size, st.Ino, st.ModTime
	case host.Symlink:
		target, err := v.Readlink(name)
		if err != nil {
			return Trace{}, err
		}
		t.Target = []byte(target)
	}
	return t, nil
}

// lstat says what is at name; below links that lead to each other nothing can be.
func lstat(v host.View, name string) (host.Stat, error) {
	st, err := v.Lstat(name)
	if errors.Is(err, syscall.ELOOP) {
		return host.Stat{Orphan: true}, nil
	}
	return st, err
}

// Same says whether nothing has changed between t and u.
func (t Trace) Same(u Trace) bool {
	return t.Kind == u.Kind && t.Mode == u.Mode && t.UID == u.UID && t.GID == u.GID && t.Size == u.Size && t.Ino == u.Ino && t.Time.Equal(u.Time) &&
		(len(t.Target) == 0 || len(u.Target) == 0 || bytes.Equal(t.Target, u.Target))
}

// Keeper takes images. It may be used by several goroutines.
type Keeper struct {
	store *store.Store  // of contents
	slots chan struct{} // a token for each image that is being taken
}

// In returns the Keeper of a state folder.
func In(state string) *Keeper {
	return &Keeper{store: store.New(filepath.Join(state, "store")), slots: make(chan struct{}, keepers())}
}

// Prune removes contents from before a time, and of more than there is room for the oldest.
func (k *Keeper) Prune(before time.Time) error { return k.store.Prune(before) }

// keepers is how many pre-images are kept at a time: their waits for the disk are one wait, and each has a handful of files open.
func keepers() int { return max(1, min(256, descriptors.Limit()/32)) }

// Place waits until one more image may be taken, and returns what is to be called when that has ended. Who starts a goroutine for it has its place
// before: of a large folder there are no more of them than places.
func (k *Keeper) Place(ctx context.Context) (leave func()) {
	select {
	case k.slots <- struct{}{}:
	default:
		waiting.For(ctx, func() { k.slots <- struct{}{} })
	}
	return func() { <-k.slots }
}

// Take reads what is at a name; a file's content goes to the store unless only its metadata will change.
func (k *Keeper) Take(ctx context.Context, v host.View, name string, content bool) (*Image, error) {
	st, err := v.Lstat(name)
	if err != nil {
		return nil, err
	}
	if st.Kind == host.Regular && content {
		return k.file(ctx, v, name)
	}
	img := imageOf(st)
	switch st.Kind {
	case host.Absent:
		return Nothing(), nil
	case host.Symlink:
		target, err := v.Readlink(name)
		img.Target = []byte(target)
		return img, err
	case host.Regular, host.Directory:
		img.Xattrs, err = v.Xattrs(name)
	}
	return img, supported(err)
}

// Nothing is the image of a name at which nothing is.
func Nothing() *Image { return &Image{Kind: host.Absent.String()} }

func imageOf(st host.Stat) *Image {
	i := &Image{Kind: st.Kind.String(), Mode: st.Mode, UID: st.UID, GID: st.GID, Changed: st.Changed}
	if st.Kind == host.Regular {
		i.Size, i.Ino, i.Time = st.Size, st.Ino, st.ModTime
	}
	return i
}

// Was says whether what was there is what t says.
func (i *Image) Was(t Trace) bool {
	return t.Same(Trace{Kind: i.Kind, Mode: i.Mode, UID: i.UID, GID: i.GID, Size: i.Size, Ino: i.Ino, Time: i.Time, Target: i.Target})
}

// Untouched says whether what was at a name is there still and nobody has changed it since, as far as that can be seen.
func (i *Image) Untouched(v host.View, name string) bool {
	st, err := lstat(v, name)
	now := imageOf(st)
	return err == nil && now.Kind == i.Kind && now.Mode == i.Mode && now.UID == i.UID && now.GID == i.GID &&
		now.Size == i.Size && now.Ino == i.Ino && now.Time.Equal(i.Time) && now.Changed.Equal(i.Changed)
}

// Again says whether what is at a name, which now says, is what was there or as good as that: a file has the same content.
func (i *Image) Again(v host.View, name string, now Trace) (bool, error) {
	if i.Kind == host.Regular.String() && i.Sum == "" && !i.Was(now) {
		return false, nil
	}
	return i.Is(v, name)
}

// Is says whether what is at a name now is what was there, as far as an image tells.
func (i *Image) Is(v host.View, name string) (bool, error) {
	st, err := lstat(v, name)
	if err != nil {
		return false, err
	}
	now := imageOf(st)
	switch {
	case now.Kind != i.Kind:
		return false, nil
	case st.Kind == host.Absent:
		return true, nil
	case st.Kind == host.Symlink:
		target, err := v.Readlink(name)
		return target == string(i.Target) && now.UID == i.UID && now.GID == i.GID, err
	case now.Mode != i.Mode || now.UID != i.UID || now.GID != i.GID || i.Missing != "" || st.Size > store.Cap:
		return false, nil
	case st.Kind != host.Regular || i.Sum == "":
		return true, nil
	}
	f, err := v.Open(name)
	if err != nil {
		return false, err
	}
	defer f.Close()
	sum, err := store.Sum(f)
	return sum == i.Sum, err
}

// file reads a file by one descriptor, so that what is kept as its owner's is that.
func (k *Keeper) file(ctx context.Context, v host.View, name string) (*Image, error) {
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
	img.Sum, err = k.store.Put(ctx, f)
	return img, err
}

// supported is err, but for that of a file system without attributes.
func supported(err error) error {
	if errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	return err
}

// Lost says why nothing can be put back that is what was there, where something of the kind now is, "" if it can. Of pipes, sockets and devices only their
// owner and mode can.
func (i *Image) Lost(now string) string {
	switch i.Kind {
	case host.Absent.String(), host.Regular.String(), host.Directory.String(), host.Symlink.String(), now:
	default:
		return fmt.Sprintf("a %s cannot be put back", i.Kind)
	}
	if i.Missing != "" {
		return "its content was not kept: " + i.Missing
	}
	return ""
}

// PutBack makes name what an image says. At every moment that or what is there now is at the name.
func (k *Keeper) PutBack(ctx context.Context, h host.Host, name string, img Image) error {
	st, err := h.Lstat(name)
	if err != nil {
		return err
	}
	if why := img.Lost(st.Kind.String()); why != "" {
		return errors.New(why)
	}
	same := st.Kind.String() == img.Kind
	switch {
	case same && st.Kind == host.Absent:
		return nil
	case img.Kind == host.Absent.String():
		return h.Remove(ctx, name, false)
	case same && st.Kind != host.Regular && st.Kind != host.Symlink, img.Kind == host.Regular.String() && img.Sum == "":
		return h.SetMeta(ctx, name, img.meta())
	}
	made := img.meta()
	if !same {
		made.Xattrs = host.OwnACLs(img.Xattrs)
	}
	make := func(h host.Host, name string) error { return k.make(ctx, h, name, img, made) }
	switch { // a pipe or a file can be renamed over by what is no folder, and a link by another
	case st.Kind == host.Absent:
	case st.Kind == host.Directory, st.Kind == host.CharDevice, st.Kind == host.BlockDevice, img.Kind == host.Directory.String():
		return h.Supplant(ctx, name, false, make)
	case st.Kind == host.Symlink && !same: // over a link of somebody else nothing is written
		return h.Supplant(ctx, name, false, make)
	}
	return make(h, name)
}

func (i *Image) meta() host.Meta {
	return host.Meta{Mode: &i.Mode, UID: &i.UID, GID: &i.GID, Xattrs: i.Xattrs}
}

// make makes at name a folder, a link or a file.
func (k *Keeper) make(ctx context.Context, h host.Host, name string, img Image, meta host.Meta) error {
	switch img.Kind {
	case host.Directory.String():
		return h.Mkdir(ctx, name, meta)
	case host.Symlink.String():
		if err := h.Symlink(ctx, string(img.Target), name); err != nil {
			return err
		}
		return h.SetMeta(ctx, name, host.Meta{UID: &img.UID, GID: &img.GID})
	}
	content, err := k.store.Get(img.Sum)
	if err != nil {
		return err
	}
	defer content.Close()
	return h.WriteFile(ctx, name, host.NewFile{Content: io.Reader(content), Meta: meta})
}
