package manager

import "slices"

// Names lists the installed packages, sorted: one that Find does not return for its plain name with its architecture.
func (db *DB) Names() []string {
	var names []string
	for name, list := range db.packages {
		best := db.best(list)
		for _, p := range list {
			switch {
			case p.Status != Installed:
			case p.Arch == best.Arch:
				names = append(names, name)
			default:
				names = append(names, name+db.sep+p.Arch)
			}
		}
	}
	slices.Sort(names)
	return names
}
