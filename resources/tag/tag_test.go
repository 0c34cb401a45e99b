package tag_test

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/tag"
)

// thing has attributes, fields that are none, and attributes of what it embeds.
type thing struct {
	resources.Missing
	Path   string `hcl:"path,title,public"`
	Count  int    `hcl:"count"`
	Plain  string
	hidden string `hcl:"hidden"`
	Owned
}

// Owned is embedded.
type Owned struct {
	Owner string `hcl:"owner,required"`
}

func TestAttributes(t *testing.T) {
	r := &thing{Path: "/a", Count: 3, hidden: "x", Owned: Owned{"bob"}}
	var got []string
	for _, a := range tag.Attributes(reflect.TypeFor[thing]()) {
		got = append(got, fmt.Sprint(a.Name, " ", a.Options, " ", a.In(r), " ", a.Is("title"), " ", a.Is("required")))
	}
	want := []string{"path [title public] /a true false", "count [] 3 false false", "owner [required] bob false true"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
