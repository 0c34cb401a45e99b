// Package recordtest writes records as a store tells of them, in tests of what is made of them.
package recordtest

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/nodeapply/apply/exchange/name"
	"github.com/nodeapply/apply/exchange/store"
)

// Deployment is the one that they stand in.
const Deployment = "d"

// At is the writing of a record at a revision, which is as many seconds after the epoch.
func At(t testing.TB, revision int64, k name.Key, rec any) store.Event {
	t.Helper()
	k.Deployment = Deployment
	b, err := json.Marshal(rec)
	if err != nil {
		t.Fatal(err)
	}
	return store.Event{Entry: store.Entry{Key: k.String(), Value: b, Revision: revision, Created: revision, Time: time.Unix(revision, 0)}}
}

// Node is the key of who a node is.
func Node(node string) name.Key { return name.Key{Kind: name.KindNode, Node: node} }

// Run is the key of a node's run.
func Run(node string) name.Key { return name.Key{Kind: name.KindRun, Node: node} }

// Fact is the key of a fact of a node.
func Fact(node, fact string) name.Key { return name.Key{Kind: name.KindFact, Node: node, Name: fact} }
