package host

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// unitTypes are the endings of units' names.
var unitTypes = [...]string{
	".service", ".socket", ".device", ".mount", ".automount", ".swap", ".target", ".path", ".timer", ".slice", ".scope",
}

// unitGrammar and maxUnit are of systemd.unit(5). A bound within the expression would cost every start of the program a millisecond.
var unitGrammar = regexp.MustCompile(`^[A-Za-z0-9:_.\\@-]+$`)

const maxUnit = 255

// UnitName returns the whole name of a unit: one without the ending of a type is that of a service, as for systemctl.
func UnitName(name string) (string, error) {
	if !slices.Contains(unitTypes[:], path.Ext(name)) {
		name += ".service"
	}
	if len(name) > maxUnit || !unitGrammar.MatchString(name) || strings.HasPrefix(name, "-") || slices.Contains(unitTypes[:], name) {
		return "", fmt.Errorf("%q is not the name of a unit", name)
	}
	return name, nil
}
