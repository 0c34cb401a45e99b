package pkg

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources/resourcetest"
)

// A package file needs no repository to have it; without a wish for the latest, what is there stays.
func TestSource(t *testing.T) {
	for name, tt := range map[string]struct {
		is, ensure, change string
	}{
		"nothing there": {"", "installed", "ensure: absent -> 9"}, "an earlier one": {"1", "installed", ""}, "the latest": {"1", "latest", "ensure: 1 -> 9"},
		"its version": {"1", "9", "ensure: 1 -> 9"}, "as it is": {"9", "latest", ""},
	} {
		t.Run(name, func(t *testing.T) {
			k := stock{status: there, version: tt.is}
			if tt.is == "" {
				k = stock{}
			}
			d := newDebian(t, map[string]stock{"local": k})
			if err := d.WriteFile(t.Context(), "/local.deb", host.NewFile{Content: strings.NewReader("x")}); err != nil {
				t.Fatal(err)
			}
			p := packages(t, Type(), [2]string{"local", tt.ensure})[0]
			p.Source = "/local.deb"
			o := resourcetest.Converges(t, d.Host, p)
			if diff := cmp.Diff(tt.change, changed(o.Diff)); diff != "" {
				t.Error(diff)
			}
			if orders := d.orders(); tt.change != "" && !slices.Equal(orders, []string{"install -- /local.deb"}) {
				t.Errorf("orders: %q", orders)
			}
		})
	}
}

// A package file that is not there, when all that comes before has ended, is told before anything is asked to install it.
func TestSourceMissing(t *testing.T) {
	d := newDebian(t, map[string]stock{"local": {}, "tool": {offers: []string{"1"}}})
	list := packages(t, Type(), [2]string{"local", "installed"}, [2]string{"tool", "installed"})
	list[0].Source = "/local.deb"
	errs := together(t, d, list)
	if want := "source: /local.deb: does not exist"; errs[0] == nil || errs[0].Error() != want {
		t.Errorf("want %q, got %v", want, errs[0])
	}
	if orders := d.orders(); errs[1] != nil || !slices.Equal(orders, []string{"install -- tool"}) {
		t.Errorf("the other: %v, orders: %q", errs[1], orders)
	}
}

// A package file that does not have the version that is asked for is not installed.
func TestSourceOfAnotherVersion(t *testing.T) {
	for _, ensure := range []string{"8", ">= 10"} {
		d := newDebian(t, map[string]stock{"local": {status: there, version: "1"}})
		if err := d.WriteFile(t.Context(), "/local.deb", host.NewFile{Content: strings.NewReader("x")}); err != nil {
			t.Fatal(err)
		}
		p := packages(t, Type(), [2]string{"local", ensure})[0]
		p.Source = "/local.deb"
		_, err := p.Check(t.Context(), d)
		if want := fmt.Sprintf("source: /local.deb has version 9, and ensure is %q", ensure); err == nil || err.Error() != want {
			t.Errorf("want %q, got %v", want, err)
		}
		if orders := d.orders(); orders != nil {
			t.Errorf("%s: orders: %q", ensure, orders)
		}
	}
}
