package output_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/fleet/output"
)

func TestLines(t *testing.T) {
	for _, tt := range []struct {
		name     string
		terminal bool
		writes   []string
		want     string
	}{
		{"in pieces", false, []string{"a", "b\nc", "\n\nd"}, "n: ab\nn: c\nn: \nn: d\n"},
		{"bytes stay", false, []string{"\xff\x00\r\n"}, "n: \xff\x00\r\n"},
		{"a terminal obeys nothing", true, []string{"\x1b[2J\xff\r\n"}, "n: \\x1b[2J\\xff\n"},
		{"a long line is cut", false, []string{strings.Repeat("x", 65536) + "yz\n"}, "n: " + strings.Repeat("x", 65536) + "\nn: yz\n"},
		{"a long line in pieces", false, []string{strings.Repeat("x", 65000), strings.Repeat("x", 1000), "\n"}, "n: " + strings.Repeat("x", 65536) + "\nn: " + strings.Repeat("x", 464) + "\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got bytes.Buffer
			w := output.NewLines(&got, tt.terminal).Node("n: ")
			for _, p := range tt.writes {
				if n, err := w.Write([]byte(p)); n != len(p) || err != nil {
					t.Fatal(n, err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCapture(t *testing.T) {
	a, b := output.NewCapture(1), output.NewCapture(1)
	head := strings.Repeat("ä", 1<<19) // 1 MiB
	for c, tail := range map[*output.Capture]string{a: "1", b: "2"} {
		c.Write([]byte(head + tail))
	}
	if a.Cut() != 1 || string(a.Bytes()) != head {
		t.Errorf("want the first MiB and 1 byte cut, got %d bytes and %d", len(a.Bytes()), a.Cut())
	}
	if a.Key() == b.Key() {
		t.Error("outputs that differ behind what is kept have the same key")
	}
	for text, want := range map[string]map[string]any{"é": {"out": "é"}, "\xff": {"out_base64": "/w=="}, "": {"out": ""}} {
		c, got := output.NewCapture(1), map[string]any{}
		c.Write([]byte(text))
		c.JSON(got, "out")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}

func TestGather(t *testing.T) {
	said := func(node, text, note string) output.Said {
		return output.Said{Node: node, Text: []byte(text), Key: text, Note: note}
	}
	got := output.Gather([]output.Said{said("n10", "a", ""), said("n1", "b", ""), said("n9", "a", ""), said("n2", "a", "failed"), said("n3", "c", "")})
	want := []output.Group{
		{Nodes: []string{"n9", "n10"}, Text: []byte("a")}, {Nodes: []string{"n1"}, Text: []byte("b")},
		{Nodes: []string{"n2"}, Text: []byte("a"), Note: "failed"}, {Nodes: []string{"n3"}, Text: []byte("c")},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWriteDiff(t *testing.T) {
	group := func(node, text, note string) output.Group {
		return output.Group{Nodes: []string{node}, Text: []byte(text), Note: note}
	}
	for _, tt := range []struct {
		name string
		a, b output.Group
		want string
	}{
		{"text", group("n1", "a\n", ""), group("n2", "b", ""), "n2\ndiff n1 n2\n--- n1\n+++ n2\n@@ -1,1 +1,1 @@\n-a\n+b\n\\ No newline at end of file\n"},
		{"bytes", group("n1", "a\x00\xff", ""), group("n2", "b", ""), "n2\nBinary outputs of n1 and n2 differ\n"},
		{"behind what is kept", group("n1", "a", ""), group("n2", "a", ""), "n2\nn1 and n2 differ in what is not kept of them\n"},
		{"how it ended", group("n1", "a", ""), group("n2", "a", "failed"), "n2: failed\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got bytes.Buffer
			if err := output.WriteDiff(&got, []output.Group{tt.a, tt.b}, false); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff("n1 agree; the others are compared with them\n\n"+tt.want, got.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}
