package apt

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources/pkg/manager"
)

// What was unpacked in part is unpacked again, or goes as it is: apt takes it for being there, and dpkg refuses to remove it.
func TestHalfUnpacked(t *testing.T) {
	const reinstall, force = "--reinstall", "Dpkg::Options::=--force-remove-reinstreq"
	for name, tc := range map[string]struct {
		tx   manager.Transaction
		want []string
	}{
		"installed":         {manager.Transaction{Install: []manager.Target{{Name: "half", Version: "1"}}}, []string{reinstall}},
		"another installed": {manager.Transaction{Install: []manager.Target{{Name: "whole"}}}, nil},
		"removed":           {manager.Transaction{Remove: []string{"half"}}, []string{force}},
		"purged":            {manager.Transaction{Purge: []string{"half"}}, []string{force}},
		"another removed":   {manager.Transaction{Remove: []string{"whole"}}, nil},
		"half configured":   {manager.Transaction{Install: []manager.Target{{Name: "raw", Version: "1"}}}, nil}, // of which apt has no file
		"for another":       {manager.Transaction{Install: []manager.Target{{Name: "whole"}}, Remove: []string{"half"}}, []string{force}},
	} {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, "-- var/lib/dpkg/status --\nPackage: half\nStatus: install reinstreq half-installed\nArchitecture: all\nVersion: 1\n\n"+
				"Package: raw\nStatus: install ok half-configured\nArchitecture: all\nVersion: 1\n\n"+
				"Package: whole\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n")
			h.Answer("dpkg", 0, "")
			h.Answer("apt-get", 0, "")
			if err := New().Commit(t.Context(), &manager.Session{Host: h}, tc.tx); err != nil {
				t.Fatal(err)
			}
			var got []string
			for word := range strings.FieldsSeq(h.Calls()[len(h.Calls())-1]) {
				if slices.Contains([]string{reinstall, force}, word) {
					got = append(got, word)
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}
