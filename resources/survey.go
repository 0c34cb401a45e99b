package resources

// Surveyor is a Resource that touches more than it names, such as a folder whose unmanaged content is removed.
type Surveyor interface {
	// Survey hands over, before the first Check, the sorted names of all things of kind path that the catalog's resources provide.
	// The slice is shared and must not be changed.
	Survey(paths []string)
}
