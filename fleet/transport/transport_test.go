package transport

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLine(t *testing.T) {
	for want, argv := range map[string][]string{"a | b": {"a | b"}, `echo 'a b' 'it'\''s' '' -x`: {"echo", "a b", "it's", "", "-x"}} {
		if diff := cmp.Diff(want, Line(argv)); diff != "" {
			t.Error(diff)
		}
	}
}

func TestConnectorWords(t *testing.T) {
	got, err := words(`ssh -o 'A b' "" x"y z"`)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"ssh", "-o", "A b", "", "xy z"}, got); diff != "" {
		t.Error(diff)
	}
	if _, err := NewConnector("ssh 'a"); err == nil {
		t.Error("an open quote is accepted")
	}
}
