package resources

// Surveyor is a Resource that touches more than it names, such as a folder whose unmanaged content is removed.
type Surveyor interface {
	// Covers is the folder in which it touches what it does not name, "" if it touches nothing so.
	Covers() string
	// Survey hands over, before each Check, how to learn what is declared. What Late blocks declare in the folder that is covered is known by then where the
	// order allows it.
	Survey(declared func() Declared)
}

// Declared names the things of kind path that a catalog's resources provide, those that are not managed in this run among them. The slices are sorted; they
// are shared and must not be changed.
type Declared struct {
	Paths []string
	Parts []string // what resources make or keep a part of, whether or not it is theirs by name: see Toucher
	Late  []string // of blocks of which only the run tells what they declare
	// Unknown is such a block of which it has not told that, "" if there is none: what nobody is known to name may be that block's.
	Unknown string
	// After is, in a prediction, what will have told it by the time that the run gets here; "": nothing will.
	After string
}
