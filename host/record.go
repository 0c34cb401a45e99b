package host

import "context"

// What is kept at most of what is about to be replaced or removed, so that it can be put back: of that, whoever plans a change can say that it will be lost.
const (
	KeptSize  = 1 << 30 // of a file, in bytes
	KeptNames = 100_000 // of a folder that is removed with all that is in it, the folder included
	PathMax   = 4096    // a name of so many bytes cannot be asked for, nor what is below it
)

// OpKind says what kind of change an Op is.
type OpKind string

// The kinds of changes that a Recorder is told of.
const (
	OpWrite   OpKind = "write"
	OpMkdir   OpKind = "mkdir"
	OpSymlink OpKind = "symlink"
	OpMeta    OpKind = "meta"
	OpRemove  OpKind = "remove"
	OpUnit    OpKind = "unit"
	OpRun     OpKind = "run"
	OpPublish OpKind = "publish" // of what is not the node's own: a fact in an exchange
)

// Op is one change of a node, about to be made.
type Op struct {
	Kind OpKind
	Name string // the file's, the unit's or the fact's name; the program of a command
	Verb Verb   // of a unit
	All  bool   // of a removal: the folder's content too
	// Absent says that nothing is at the name, as the caller that is about to change it has seen.
	Absent bool
}

// Recorder is told of every change before it is made, with the node as it was, and may refuse it by an error. New content may be on its way to the disk
// meanwhile, as long as it has no name.
type Recorder interface {
	Before(ctx context.Context, v View, op Op) error
}

// Recording returns h with r told of every change before it is made.
func Recording(h Host, r Recorder) Host { return &recording{Host: h, r: r} }

type recording struct {
	Host
	r Recorder
}

// Hold implements [Holder].
func (h *recording) Hold(name string) (Folder, error) { return Hold(h.Host, name), nil }

func (h *recording) WriteFile(ctx context.Context, name string, f NewFile) error {
	also := f.Announce
	f.Announce = func(ctx context.Context, absent bool) error {
		if err := h.r.Before(ctx, h.Host, Op{Kind: OpWrite, Name: name, Absent: absent}); err != nil || also == nil {
			return err
		}
		return also(ctx, absent)
	}
	return h.Host.WriteFile(ctx, name, f)
}

func (h *recording) Mkdir(ctx context.Context, name string, m Meta) error {
	if err := h.r.Before(ctx, h.Host, Op{Kind: OpMkdir, Name: name}); err != nil {
		return err
	}
	return h.Host.Mkdir(ctx, name, m)
}

func (h *recording) Symlink(ctx context.Context, target, name string) error {
	if err := h.r.Before(ctx, h.Host, Op{Kind: OpSymlink, Name: name}); err != nil {
		return err
	}
	return h.Host.Symlink(ctx, target, name)
}

func (h *recording) SetMeta(ctx context.Context, name string, m Meta) error {
	if err := h.r.Before(ctx, h.Host, Op{Kind: OpMeta, Name: name}); err != nil {
		return err
	}
	return h.Host.SetMeta(ctx, name, m)
}

func (h *recording) Remove(ctx context.Context, name string, all bool) error {
	if err := h.r.Before(ctx, h.Host, Op{Kind: OpRemove, Name: name, All: all}); err != nil {
		return err
	}
	return h.Host.Remove(ctx, name, all)
}

func (h *recording) Supplant(ctx context.Context, name string, all bool, make func(h Host, name string) error) error {
	if err := h.r.Before(ctx, h.Host, Op{Kind: OpRemove, Name: name, All: all}); err != nil {
		return err
	}
	return h.Host.Supplant(ctx, name, all, make)
}

func (h *recording) DoUnit(ctx context.Context, name string, v Verb) error {
	if err := h.r.Before(ctx, h.Host, Op{Kind: OpUnit, Name: name, Verb: v}); err != nil {
		return err
	}
	return h.Host.DoUnit(ctx, name, v)
}

func (h *recording) Run(ctx context.Context, c Cmd) (Output, error) {
	op := Op{Kind: OpRun}
	if len(c.Args) > 0 {
		op.Name = c.Args[0]
	}
	if err := h.r.Before(ctx, h.Host, op); err != nil {
		return Output{}, err
	}
	return h.Host.Run(ctx, c)
}
