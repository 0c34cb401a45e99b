package goal

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/resources/pkg/manager"
	"github.com/nodeapply/apply/resources/pkg/version"
)

func TestParse(t *testing.T) {
	for ensure, want := range map[string]string{
		"present": "installed", "latest": "latest", "1.2-3": "1.2-3", ">= 1, < 2": ">= 1, < 2", ">= ": "error", "two words": "error", "": "error",
	} {
		got, err := Parse(ensure)
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%q: want %s, got %s", ensure, want, got)
		}
	}
}

// What is to be done, in words: from -> to, the version that is asked for, and what is not known or allowed.
func TestDecide(t *testing.T) {
	is := func(status manager.Status, v string) manager.Package {
		return manager.Package{Name: "tool", Status: status, Version: v}
	}
	there := is(manager.Installed, "1.5")
	three := manager.Offer{Candidate: "2.0", Versions: []string{"1.0", "1.5", "2.0"}}
	pinned := manager.Offer{Candidate: "1.0", Versions: three.Versions}
	none := manager.Offer{}
	for name, tt := range map[string]struct {
		goal  Goal
		have  manager.Package
		offer manager.Offer
		want  string
	}{
		"nothing, installed":            {Goal{Ensure: Installed}, is(manager.Missing, ""), three, "absent -> 2.0"},
		"there, installed":              {Goal{Ensure: Installed}, there, three, ""},
		"unpacked, installed":           {Goal{Ensure: Installed}, is(manager.Broken, "1.0"), none, "unconfigured 1.0 -> 1.0 (1.0)"},
		"nobody offers it":              {Goal{Ensure: Installed}, is(manager.Missing, ""), none, "absent -> installed unknown"},
		"nobody need offer a file":      {Goal{Ensure: Installed, File: true}, is(manager.Missing, ""), none, "absent -> installed"},
		"latest":                        {Goal{Ensure: Latest}, there, three, "1.5 -> 2.0 (2.0)"},
		"latest, an older is pinned":    {Goal{Ensure: Latest}, there, pinned, ""},
		"latest, nobody offers it":      {Goal{Ensure: Latest}, there, none, ""},
		"a version up":                  {Goal{Ensure: "2.0"}, there, three, "1.5 -> 2.0 (2.0)"},
		"a version down":                {Goal{Ensure: "1.0"}, there, three, "1.5 -> 1.0 (1.0) down"},
		"no such version":               {Goal{Ensure: "7"}, there, three, "1.5 -> 7 (7) unknown"},
		"a constraint met":              {Goal{Ensure: ">= 1.5"}, there, three, ""},
		"a constraint up":               {Goal{Ensure: "> 1.5"}, there, three, "1.5 -> 2.0 (2.0)"},
		"a constraint, the candidate":   {Goal{Ensure: "< 2"}, is(manager.Missing, ""), pinned, "absent -> 1.0 (1.0)"},
		"a constraint, the highest":     {Goal{Ensure: "< 2"}, is(manager.Missing, ""), three, "absent -> 1.5 (1.5)"},
		"a constraint down":             {Goal{Ensure: "< 1.5"}, there, three, "1.5 -> < 1.5 refused (to 1.0)"},
		"a constraint down, allowed":    {Goal{Ensure: "< 1.5", AllowDowngrade: true}, there, three, "1.5 -> 1.0 (1.0) down"},
		"a constraint of a mute file":   {Goal{Ensure: "< 1.5", File: true}, is(manager.Missing, ""), none, "absent -> < 1.5"},
		"removed":                       {Goal{Ensure: Absent}, there, none, "1.5 -> absent"},
		"leftovers are absent":          {Goal{Ensure: Absent}, is(manager.Leftovers, "1.0"), none, ""},
		"leftovers are not purged":      {Goal{Ensure: Purged}, is(manager.Leftovers, "1.0"), none, "config-files -> purged"},
		"half configured is not absent": {Goal{Ensure: Absent}, is(manager.Broken, ""), none, "unconfigured -> absent"},
	} {
		t.Run(name, func(t *testing.T) {
			s := Step{Name: "tool", As: "tool", Have: tt.have}
			tt.goal.Decide(version.Debian, manager.NewDB("amd64", ":"), &s, tt.offer, len(tt.offer.Versions) > 0)
			got := ""
			if s.Differs() || s.Err != nil {
				got = s.From() + " -> " + s.To
			}
			if s.Version != "" {
				got += fmt.Sprintf(" (%s)", s.Version)
			}
			if s.Err != nil {
				_, why, _ := strings.Cut(s.Err.Error(), "only a downgrade would ")
				why, _, _ = strings.Cut(why, ";")
				got += " refused " + why
			}
			if s.Unknown {
				got += " unknown"
			}
			if s.GoesDown(version.Debian) {
				got += " down"
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A virtual package is there when one that provides it is; what is to be absent is the package of that very name.
func TestFind(t *testing.T) {
	db := manager.NewDB("amd64", ":")
	db.Put(manager.Package{Name: "postfix", Arch: "amd64", Version: "3", Status: manager.Installed, Provides: []string{"mta"}})
	for ensure, want := range map[string]string{Installed: "postfix", Latest: "postfix", Absent: "mta", "3": "mta"} {
		if _, as := (Goal{Ensure: ensure}).Find(db, "mta"); as != want {
			t.Errorf("%s: want %s, got %s", ensure, want, as)
		}
	}
}
