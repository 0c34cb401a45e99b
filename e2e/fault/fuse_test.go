//go:build linux && amd64

package fault

import (
	"context"
	"math"
	"slices"
	"sync"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// faulty is a file system that shows a folder, and in which operations fail or hang on command.
type faulty struct {
	dir  string // where it is mounted
	back string // the folder that it shows

	mu    sync.Mutex
	errno map[string]syscall.Errno
	hang  []string
	held  chan struct{} // closed to let go what hangs
}

// newFaulty mounts one until the test ends.
func newFaulty(t *testing.T) *faulty {
	t.Helper()
	f := &faulty{dir: t.TempDir(), back: t.TempDir(), errno: map[string]syscall.Errno{}, held: make(chan struct{})}
	root := &fs.LoopbackRoot{Path: f.back}
	root.RootNode = &faultyNode{LoopbackNode: fs.LoopbackNode{RootData: root}, f: f}
	server, err := fs.Mount(f.dir, root.RootNode, &fs.Options{MountOptions: fuse.MountOptions{DirectMountStrict: true, FsName: "faulty"}})
	if err != nil {
		t.Fatal(err)
	}
	// The library leaves /dev/fuse to be inherited: a program that hangs in the file system would keep it alive.
	if err := unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		f.release()
		if err := server.Unmount(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// fails lets an operation fail from now on.
func (f *faulty) fails(op string, errno syscall.Errno) {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.errno)
	f.errno[op] = errno
}

// hangs lets operations hang from now on, until release.
func (f *faulty) hangs(ops ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hang = ops
}

func (f *faulty) release() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.hang != nil {
		f.hang = nil
		close(f.held)
		f.held = make(chan struct{})
	}
}

// gate is passed by every operation.
func (f *faulty) gate(op string) syscall.Errno {
	f.mu.Lock()
	errno, hangs, held := f.errno[op], slices.Contains(f.hang, op), f.held
	f.mu.Unlock()
	if hangs {
		<-held // deaf to interrupts, as a dead server is
	}
	return errno
}

// handle hides of a file that the kernel could reach around us.
type handle struct {
	fs.FileReader
	fs.FileWriter
	fs.FileFsyncer
	fs.FileReleaser
	fs.FileGetattrer
	fs.FileSetattrer
}

func behind(fh fs.FileHandle) fs.FileHandle {
	if fh == nil {
		return nil
	}
	return &handle{fh.(fs.FileReader), fh.(fs.FileWriter), fh.(fs.FileFsyncer), fh.(fs.FileReleaser), fh.(fs.FileGetattrer), fh.(fs.FileSetattrer)}
}

// faultyNode is one of its files.
type faultyNode struct {
	fs.LoopbackNode
	f *faulty
}

var (
	_ fs.NodeWrapChilder = (*faultyNode)(nil)
	_ fs.NodeLookuper    = (*faultyNode)(nil)
	_ fs.NodeGetattrer   = (*faultyNode)(nil)
	_ fs.NodeStatxer     = (*faultyNode)(nil)
	_ fs.NodeSetattrer   = (*faultyNode)(nil)
	_ fs.NodeOpener      = (*faultyNode)(nil)
	_ fs.NodeCreater     = (*faultyNode)(nil)
	_ fs.NodeWriter      = (*faultyNode)(nil)
	_ fs.NodeFsyncer     = (*faultyNode)(nil)
	_ fs.NodeRenamer     = (*faultyNode)(nil)
	_ fs.NodeMkdirer     = (*faultyNode)(nil)
)

// WrapChild makes what is found below one of these too.
func (n *faultyNode) WrapChild(context.Context, fs.InodeEmbedder) fs.InodeEmbedder {
	return &faultyNode{LoopbackNode: fs.LoopbackNode{RootData: n.RootData}, f: n.f}
}

func (n *faultyNode) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if errno := n.f.gate("lookup"); errno != 0 {
		return nil, errno
	}
	return n.LoopbackNode.Lookup(ctx, name, out)
}

func (n *faultyNode) Getattr(ctx context.Context, fh fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	if errno := n.f.gate("getattr"); errno != 0 {
		return errno
	}
	return n.LoopbackNode.Getattr(ctx, fh, out)
}

// Statx is another way to ask for the same.
func (n *faultyNode) Statx(ctx context.Context, fh fs.FileHandle, flags, mask uint32, out *fuse.StatxOut) syscall.Errno {
	if errno := n.f.gate("getattr"); errno != 0 {
		return errno
	}
	return n.LoopbackNode.Statx(ctx, fh, flags, mask, out)
}

func (n *faultyNode) Setattr(ctx context.Context, fh fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if errno := n.f.gate("setattr"); errno != 0 {
		return errno
	}
	return n.LoopbackNode.Setattr(ctx, fh, in, out)
}

func (n *faultyNode) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	if errno := n.f.gate("open"); errno != 0 {
		return nil, 0, errno
	}
	fh, fuseFlags, errno := n.LoopbackNode.Open(ctx, flags)
	return behind(fh), fuseFlags, errno
}

func (n *faultyNode) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	if errno := n.f.gate("create"); errno != 0 {
		return nil, nil, 0, errno
	}
	inode, fh, fuseFlags, errno := n.LoopbackNode.Create(ctx, name, flags, mode, out)
	return inode, behind(fh), fuseFlags, errno
}

func (n *faultyNode) Write(ctx context.Context, fh fs.FileHandle, data []byte, off int64) (uint32, syscall.Errno) {
	if errno := n.f.gate("write"); errno != 0 {
		return 0, errno
	}
	return fh.(fs.FileWriter).Write(ctx, data, off)
}

func (n *faultyNode) Fsync(ctx context.Context, fh fs.FileHandle, flags uint32) syscall.Errno {
	errno := n.f.gate("fsync")
	if file, ok := fh.(fs.FileFsyncer); ok && errno == 0 {
		return file.Fsync(ctx, flags)
	}
	return errno
}

func (n *faultyNode) Rename(ctx context.Context, name string, parent fs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	if errno := n.f.gate("rename"); errno != 0 {
		return errno
	}
	return n.LoopbackNode.Rename(ctx, name, parent, newName, flags)
}

func (n *faultyNode) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if errno := n.f.gate("mkdir"); errno != 0 {
		return nil, errno
	}
	return n.LoopbackNode.Mkdir(ctx, name, mode, out)
}
