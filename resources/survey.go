package resources

// Surveyor is a Resource that touches more than it names, such as a folder whose unmanaged content is removed.
type Surveyor interface {
	// Survey hands over, before the first Check, how to learn the sorted names of all things of kind path that the catalog's resources provide,
	// those that are not managed in this run among them. The slice is shared and must not be changed.
	Survey(paths func() []string)
}
