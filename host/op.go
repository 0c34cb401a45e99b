package host

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
