package host

import (
	"io"
	"os"
)

// Draft is the content of a new file that stands in a file without a name already (open(2), O_TMPFILE), in the folder in which the new file is to be.
// [FileWriter.WriteFile] gives it its name instead of copying it; where the file system cannot do so it is copied, as any other content.
type Draft struct {
	io.Reader
	File *os.File
}

// NewDraft takes up a file of size bytes that is open for reading and writing. It stays the caller's to close.
func NewDraft(f *os.File, size int64) *Draft { return &Draft{io.NewSectionReader(f, 0, size), f} }
