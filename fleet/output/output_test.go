package output_test

import (
	"bytes"
	"io"
	"strconv"
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
		{"a long line is whole", false, []string{strings.Repeat("x", 65000), strings.Repeat("x", 1000), "\n"}, "n: " + strings.Repeat("x", 66000) + "\n"},
		{"a longer one goes on", false, []string{strings.Repeat("x", 4<<20) + "yz\nw\n"}, "n: " + strings.Repeat("x", 4<<20) + "\nn:+ yz\nn: w\n"},
		{"the longest", false, []string{strings.Repeat("x", 4<<20), "\n"}, "n: " + strings.Repeat("x", 4<<20) + "\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got bytes.Buffer
			w := output.NewLines(&got, tt.terminal).Node("n")
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

// TestLinesTogether: many long lines at a time are held in bounded memory, printed in pieces where that is used up, and all of each is printed.
func TestLinesTogether(t *testing.T) {
	var got bytes.Buffer
	lines := output.NewLines(&got, false)
	const nodes, size = 40, 3 << 20
	var all []io.WriteCloser
	for i := range nodes {
		w := lines.Node(strconv.Itoa(i))
		if _, err := w.Write(bytes.Repeat([]byte("x"), size)); err != nil {
			t.Fatal(err)
		}
		all = append(all, w)
	}
	if got.Len() == 0 || got.Len() > nodes*size*3/4 {
		t.Errorf("%d bytes of %d were printed before the lines had ended", got.Len(), nodes*size)
	}
	for _, w := range all {
		if _, err := w.Write([]byte("y\n")); err != nil {
			t.Fatal(err)
		}
	}
	first, further := 0, 0
	for line := range strings.Lines(got.String()) {
		name, _, again := strings.Cut(line, ":+ ")
		if again {
			further++
		} else if first++; !strings.Contains(name, ": x") {
			t.Fatalf("a line begins %.20q", line)
		}
	}
	if n := bytes.Count(got.Bytes(), []byte("x")); n != nodes*size || first != nodes || further == 0 {
		t.Errorf("want %d bytes of %d lines, got %d of %d with %d further pieces", nodes*size, nodes, n, first, further)
	}
	again := lines.Node("z")
	if _, err := again.Write(append(bytes.Repeat([]byte("x"), size), '\n')); err != nil {
		t.Fatal(err)
	}
	if text := got.String(); !strings.HasSuffix(text, "\nz: "+strings.Repeat("x", size)+"\n") {
		t.Error("a long line after all others is in pieces: memory was not given back")
	}
}

// TestLinesAtOnce: a flood of short lines is printed by few calls, each of whole lines that go into a pipe in one piece.
func TestLinesAtOnce(t *testing.T) {
	var w calls
	node := output.NewLines(&w, false).Node("n")
	const lines = 10_000
	n, err := io.WriteString(node, strings.Repeat("y\n", lines)+strings.Repeat("x", 5000)+"\ny")
	must(t, err)
	if want := 2*lines + 5002; n != want {
		t.Errorf("want %d bytes taken, got %d", want, n)
	}
	must(t, node.Close())
	if got, want := strings.Join(w, ""), strings.Repeat("n: y\n", lines)+"n: "+strings.Repeat("x", 5000)+"\nn: y\n"; got != want {
		t.Errorf("want %d bytes, got %d: %.40q", len(want), len(got), got)
	}
	if len(w) > lines/400 {
		t.Errorf("%d calls for %d lines", len(w), lines)
	}
	for _, c := range w {
		if !strings.HasSuffix(c, "\n") || len(c) > 4096 && strings.Count(c, "\n") > 1 {
			t.Errorf("a call of %d bytes: %.40q", len(c), c)
		}
	}
}

// calls are what was written by each call.
type calls []string

func (c *calls) Write(p []byte) (int, error) {
	*c = append(*c, string(p))
	return len(p), nil
}

// TestLine: a line of no node's is one, also where it is an object of many MiB, and several are several.
func TestLine(t *testing.T) {
	long := strings.Repeat("x", 9<<20)
	for text, want := range map[string]string{long: long + "\n", "a\x1b\nb": "a\\x1b\nb\n"} {
		var got bytes.Buffer
		must(t, output.NewLines(&got, text != long).Line(text))
		if got.String() != want {
			t.Errorf("%.20q: want %d bytes, got %d: %.30q", text, len(want), got.Len(), got.String())
		}
	}
}

func TestCapture(t *testing.T) {
	a, b := output.NewCapture(1), output.NewCapture(1)
	head := strings.Repeat("ä", 1<<20) // 2 MiB
	for c, tail := range map[*output.Capture]string{a: "1", b: "2"} {
		c.Write([]byte(head + tail))
	}
	if a.Cut() != 1 || string(a.Bytes()) != head {
		t.Errorf("want the first 2 MiB and 1 byte cut, got %d bytes and %d", len(a.Bytes()), a.Cut())
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
			if diff := cmp.Diff("n1; the others are compared with it\n\n"+tt.want, got.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
