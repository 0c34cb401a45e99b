package host

// Flags are those of chattr(1) that keep everybody, root too, from changing a file or a folder.
type Flags struct {
	Immutable  bool // in a folder nothing can be made, renamed or removed
	AppendOnly bool // in a folder nothing can be renamed or removed
}

// String is what an error calls them, "" for none.
func (f Flags) String() string {
	switch {
	case f.Immutable:
		return "immutable (chattr +i)"
	case f.AppendOnly:
		return "append-only (chattr +a)"
	}
	return ""
}
