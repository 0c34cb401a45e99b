package journal

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources"
)

// TestSpared: who was not brought to its end owes for what may have changed, and for nothing else, whether its run died or ended.
func TestSpared(t *testing.T) {
	mode := uint32(0o600)
	for _, tc := range []struct {
		name string
		ops  []host.Op
		do   func(t *testing.T, h host.Host) error
		owed bool
	}{
		{"nothing was announced", nil, nil, false},
		{"content that was refused", []host.Op{{Kind: host.OpWrite, Name: "/x"}}, func(t *testing.T, h host.Host) error {
			refused := errors.New("refused")
			err := h.WriteFile(t.Context(), "/x", host.NewFile{Content: strings.NewReader("new"), Validate: func(context.Context, string) error { return refused }})
			if errors.Is(err, refused) {
				return nil
			}
			return err
		}, false},
		{"content that was written", []host.Op{{Kind: host.OpWrite, Name: "/x"}}, func(t *testing.T, h host.Host) error {
			return h.WriteFile(t.Context(), "/x", host.NewFile{Content: strings.NewReader("new")})
		}, true},
		{"the same content", []host.Op{{Kind: host.OpWrite, Name: "/x"}}, func(t *testing.T, h host.Host) error {
			return h.WriteFile(t.Context(), "/x", host.NewFile{Content: strings.NewReader("old")})
		}, true},
		{"a mode, and content that was not written", []host.Op{{Kind: host.OpMeta, Name: "/x"}, {Kind: host.OpWrite, Name: "/x"}}, func(t *testing.T, h host.Host) error {
			return h.SetMeta(t.Context(), "/x", host.Meta{Mode: &mode})
		}, true},
		{"tried twice", []host.Op{{Kind: host.OpWrite, Name: "/x"}, {Kind: host.OpWrite, Name: "/x"}}, nil, false},
		{"a file that was not made", []host.Op{{Kind: host.OpWrite, Name: "/new", Absent: true}}, nil, false},
		{"one that was", []host.Op{{Kind: host.OpMkdir, Name: "/new"}}, func(t *testing.T, h host.Host) error {
			return h.Mkdir(t.Context(), "/new", host.Meta{})
		}, true},
		{"a folder with all that is in it", []host.Op{{Kind: host.OpRemove, Name: "/d", All: true}}, nil, true},
		{"a command", []host.Op{{Kind: host.OpWrite, Name: "/x"}, {Kind: host.OpRun, Name: "true"}}, nil, true},
		{"a unit", []host.Op{{Kind: host.OpUnit, Name: "a.service"}}, nil, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := open(t, t.TempDir())
			h := hosttest.New(t, "-- x --\nold\n-- d/y --\n")
			r, _ := begin(t, s, "1")
			owe(t, r)
			for _, op := range tc.ops {
				if err := r.Op(t.Context(), addr("a"), h, op); err != nil {
					t.Fatal(err)
				}
			}
			if tc.do != nil {
				if err := tc.do(t, h); err != nil {
					t.Fatal(err)
				}
			}
			if err := r.Ended(t.Context(), addr("a"), h, addr("b")); err != nil {
				t.Fatal(err)
			}
			for _, end := range []func() error{func() error { return nil }, r.Close} {
				if err := end(); err != nil {
					t.Fatal(err)
				}
				next, _ := begin(t, s, "2")
				if got := len(next.Owed(addr("b"))) > 0; got != tc.owed {
					t.Errorf("owed: %v, want %v", got, tc.owed)
				}
			}
		})
	}
}

// TestSparedKeepsOldDebts: what an earlier change owes is owed still, and so is what others do.
func TestSparedKeepsOldDebts(t *testing.T) {
	s := open(t, t.TempDir())
	r, _ := begin(t, s, "1")
	owe(t, r)
	again, _ := begin(t, s, "2")
	owe(t, again)
	if err := again.Begin(t.Context(), addr("c"), resources.Diff{}, []resources.Address{addr("b"), addr("d")}, nil); err != nil {
		t.Fatal(err)
	}
	h := hosttest.New(t, "")
	if err := errors.Join(again.Ended(t.Context(), addr("a"), h, addr("b")), again.Ended(t.Context(), addr("c"), h, addr("d"))); err != nil {
		t.Fatal(err)
	}
	next, _ := begin(t, s, "3")
	if diff := cmp.Diff([]resources.Address{addr("a"), addr("c")}, next.Owed(addr("b"))); diff != "" || next.Owed(addr("d")) != nil {
		t.Error(diff, next.Owed(addr("d")))
	}
	if got := len(next.owed[addr("b")]); got != 2 {
		t.Errorf("%d debts: that of the second attempt is one of them", got)
	}
}

// unreadable is a node whose files cannot be read.
type unreadable struct{ host.Host }

func (unreadable) Open(string) (host.File, error) { return nil, syscall.EIO }

// TestSparedUnkept: what could not be kept was not changed.
func TestSparedUnkept(t *testing.T) {
	s := open(t, t.TempDir())
	h := hosttest.New(t, "-- x --\nold\n")
	r, _ := begin(t, s, "1")
	owe(t, r)
	if err := r.Op(t.Context(), addr("a"), unreadable{h}, host.Op{Kind: host.OpWrite, Name: "/x"}); !errors.Is(err, syscall.EIO) {
		t.Fatalf("want %v, got %v", syscall.EIO, err)
	}
	if err := r.Ended(t.Context(), addr("a"), h, addr("b")); err != nil {
		t.Fatal(err)
	}
	if next, _ := begin(t, s, "2"); len(next.Owed(addr("b"))) > 0 {
		t.Error("a refresh is owed for nothing")
	}
}
