package systemd

import (
	"context"
	"fmt"
	"slices"
)

// maxNeeds bounds how many units are asked for the one that did not start.
const maxNeeds = 200

// Lacking says of a unit whose job ended "dependency" which of those that it needs, and that these need in turn, have failed; where none has, as a device
// that never came, which are not active. It is for an error that is there already: what cannot be read is left out.
func (m *Manager) Lacking(ctx context.Context, unit string) []string {
	var failed, idle []string
	asked := []string{unit}
	for i := 0; i < len(asked) && i < maxNeeds; i++ {
		p, err := m.Properties(ctx, asked[i])
		if err != nil {
			continue
		}
		switch state, _ := p["ActiveState"].(string); {
		case i == 0:
		case state == "active" || state == "reloading" || state == "refreshing":
			continue
		case state == "failed":
			failed = append(failed, fmt.Sprintf("%s failed (%v)", asked[i], p["Result"]))
		default:
			idle = append(idle, asked[i]+" is "+state)
		}
		for _, kind := range []string{"Requires", "Requisite", "BindsTo"} {
			needs, _ := p[kind].([]string)
			for _, n := range needs {
				if !slices.Contains(asked, n) {
					asked = append(asked, n)
				}
			}
		}
	}
	if len(failed) > 0 {
		return failed
	}
	return idle
}
