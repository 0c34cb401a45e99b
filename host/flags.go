package host

// Flags are what keeps everybody, root too, from changing a file or a folder: flags of chattr(1), and how it is mounted.
type Flags struct {
	Immutable  bool // in a folder nothing can be made, renamed or removed
	AppendOnly bool // in a folder nothing can be renamed or removed
	ReadOnly   bool // the file system is, or the mount, or the subvolume: nothing can be changed
	Mounted    bool // it is a mount point: it cannot be removed, nor anything renamed over it
}

// String is what an error calls flags of chattr(1), "" for none.
func (f Flags) String() string {
	switch {
	case f.Immutable:
		return "immutable (chattr +i)"
	case f.AppendOnly:
		return "append-only (chattr +a)"
	}
	return ""
}
