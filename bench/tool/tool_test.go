package tool

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nodeapply/apply"
	"github.com/nodeapply/apply/bench/state"
)

// What is measured of apply compiles, and has as many resources as the state has.
func TestManifests(t *testing.T) {
	for _, shape := range state.Shapes() {
		t.Run(shape, func(t *testing.T) {
			dir := t.TempDir()
			s := &state.State{Shape: shape, N: 23, Root: filepath.Join(dir, "root"), Sources: filepath.Join(dir, "sources")}
			want := s.N
			switch shape {
			case state.Nothing:
				s.N, want = 0, 0
			case state.Folder:
				want = 1
			}
			if shape != state.Big { // the sources would be large: it is their names that count
				if err := s.Prepare(); err != nil {
					t.Fatal(err)
				}
			}
			a := Apply{Path: "apply"}
			if err := a.Write(dir, s); err != nil {
				t.Fatal(err)
			}
			m, err := apply.Load(t.Context(), a.manifest(dir), apply.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if got := len(m.Catalog().Entries()); got != want {
				t.Errorf("want %d resources, got %d", want, got)
			}
		})
	}
}

// A shape that apply's bounds do not let in is told as such.
func TestTooMuch(t *testing.T) {
	dir := t.TempDir()
	s := &state.State{Shape: state.Inline, N: 100_000, Root: filepath.Join(dir, "root")}
	if err := (Apply{}).Write(dir, s); err == nil || !strings.Contains(err.Error(), "more than 16 MiB") {
		t.Errorf("got %v", err)
	}
}

// Each peer is told of every entry, in the file that it is then run with.
func TestPeers(t *testing.T) {
	for _, peer := range Peers() {
		for _, shape := range []string{state.Inline, state.Source, state.Mixed, state.Chain, state.Fan} {
			t.Run(peer.Name()+" "+shape, func(t *testing.T) {
				dir := t.TempDir()
				s := &state.State{Shape: shape, N: 23, Root: "/srv/root", Sources: "/srv/sources"}
				if err := peer.Write(dir, s); err != nil {
					t.Fatal(err)
				}
				names, err := filepath.Glob(filepath.Join(dir, "*"))
				if err != nil || len(names) != 1 {
					t.Fatal(names, err)
				}
				text, err := os.ReadFile(names[0])
				if err != nil {
					t.Fatal(err)
				}
				for e := range s.Entries {
					if !strings.Contains(string(text), e.Path) {
						t.Errorf("nothing of %s", e.Path)
					}
				}
				if args, _ := peer.Command(dir); args[len(args)-1] != names[0] {
					t.Errorf("%q is run, %s was written", args, names[0])
				}
			})
		}
	}
}
