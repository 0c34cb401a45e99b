package resources

// Toucher is a Resource that says which paths of the node it changes or keeps as they are, as far as that is certain from what is declared. From this
// the catalog tells what two resources do to one thing; automatic edges come from Identified alone.
type Toucher interface{ Touches() []Touch }

// Touch is what a resource does to one path.
type Touch struct {
	// Path is absolute and in its shortest form; "~USER/" at its start stands for the home folder of that user.
	Path string
	How  Effect
	// Text is, of Writes, the whole content where it is known and, of Edits, the one line that is to be there where it is one; nil: not known.
	Text *string
	// Covers says, of Empties, whether what is at a path below Path goes if the catalog has nothing to do with it.
	Covers func(below string) bool
}

// Effect is the kind of a Touch.
type Effect uint8

// The effects. A resource has those of a run that finds nothing as it should be.
const (
	Makes   Effect = iota // it is there, whatever is in it
	Writes                // the content is the declared one, whole; of a folder, that of the files which its source has
	Edits                 // a part of the content is as declared, the rest is others'
	Removes               // nothing is there, nor below it
	Empties               // of what is below, only what the catalog provides or touches stays
	Mounts                // something is mounted there
	Houses                // it is the home of the user that the resource provides
)

// String is what a resource does to a path, as a verb.
func (e Effect) String() string {
	return [...]string{"manages", "writes", "edits", "removes", "purges", "mounts something at", "has a home at"}[e]
}
