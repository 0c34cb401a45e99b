package monkey

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// TestControls has programs that break a promise be found out: each is the program with something done or left out around it.
func TestControls(t *testing.T) {
	program := build(t)
	course, undo, forms, subsets := (*trial).course, (*trial).undoFirst, (*trial).forms, (*trial).subsets
	for name, control := range map[string]struct {
		script, claim string
		hold          func(*trial)
	}{
		"a plan that touches something":     {`run "$@"; [ "$1" != plan ] || touch "$HOME/node/tree"; exit $code`, "a plan touches nothing", course},
		"a plan that foresees nothing":      {`run "$@" | if [ "$1" = plan ]; then sed 's/"pending"/"unchanged"/'; else cat; fi`, "a result makes sense", course},
		"an exit code that says nothing":    {`run "$@"; exit 0`, "the exit code tells what happened", course},
		"an event that is lost":             {`run "$@" > "$HOME/said"; case "$*" in *--report*) sed '2{/"resource"/d}' "$HOME/said";; *) cat "$HOME/said";; esac; exit $code`, "the summary counts the events", course},
		"a run that is not remembered":      {`run "$@"; case "$*" in *--report*) rm -rf "$APPLY_STATE_DIR/runs";; esac; exit $code`, "the history has the run", course},
		"a run that does more than it says": {`run "$@"; case "$*" in *--report*) echo more > "$HOME/node/tree/more";; esac; exit $code`, "a run touches what it says", course},
		"an undo that does nothing":         {`case "$1 $2" in "undo --json") set -- undo --list "$2" "$3";; esac; run "$@"; exit $code`, "an undo gives back what was", undo},
		"a form that is another manifest":   {`case "$1" in fmt) sed -i 's/"0755"/"0700"/' "$HOME"/canonical/*.hcl;; esac; run "$@"; exit $code`, "the same plan in the canonical form", forms},
		"a target that is all":              {`[ "$3" != --target ] || { shift 4; set -- --json --detailed-exitcode "$@"; }; run "$@"; exit $code`, "--target is a resource with what it requires", subsets},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := scratch(t)
			broken := filepath.Join(dir, "apply")
			text := fmt.Sprintf("#!/bin/sh\nrun() { %q \"$@\"; code=$?; return $code; }\n%s\n", program, control.script)
			if err := os.WriteFile(broken, []byte(text), 0o755); err != nil {
				t.Fatal(err)
			}
			var found []string
			for seed := range uint64(8) {
				f := try(broken, filepath.Join(dir, "trial"), draw(seed+1), control.hold)
				if f != nil && f.claim == control.claim {
					return
				}
				if f != nil {
					found = append(found, f.claim+": "+f.detail)
				}
			}
			t.Errorf("not found out as %q, but as %.2000q", control.claim, found)
		})
	}
}
