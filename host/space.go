package host

// SpaceReader is what a [View] may also be: it knows how full file systems are.
type SpaceReader interface {
	// Space tells of the file system that name lies on; a link at name is not followed. It hangs as long as a dead file system does.
	Space(name string) (Space, error)
}

// Space is the room of a file system, in bytes.
type Space struct {
	Size      uint64
	Free      uint64 // what is not used
	Available uint64 // what of that is not kept back for root
}
