package selection

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/resources"
)

func TestModulesAreTags(t *testing.T) {
	e := &catalog.Entry{Addr: resources.Address{Module: `module.web["a"].module.db.`, Type: "t", Title: "x"}, Options: catalog.Options{Tags: []string{"own"}}}
	if diff := cmp.Diff([]string{"t", "x", "own", "web", "db"}, Tags(e)); diff != "" {
		t.Error(diff)
	}
}
