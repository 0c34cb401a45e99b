package html

import (
	"bytes"
	"fmt"
	"image/png"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/report"
)

func TestSameReportSamePage(t *testing.T) {
	var a, b bytes.Buffer
	if err := Write(&a, many(500)); err != nil {
		t.Fatal(err)
	}
	if err := Write(&b, many(500)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Error("two pages of one report differ")
	}
}

func TestPageNeedsNoNetwork(t *testing.T) {
	var b bytes.Buffer
	if err := Write(&b, ten()); err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"http:", "https:", "//cdn", "@import", "url(", " src="} {
		if strings.Contains(b.String(), word) {
			t.Errorf("the page holds %q", word)
		}
	}
	if n := strings.Count(b.String(), "</script>"); n != 2 {
		t.Errorf("%d scripts end, not 2: a value of the report ended one", n)
	}
}

func TestCriticalPath(t *testing.T) {
	type result = report.Result
	for name, c := range map[string]struct {
		took  []float64
		edges []report.Edge
		want  string
	}{
		"nothing":           {nil, nil, "[] 0 []"},
		"one":               {[]float64{3}, nil, "[0] 3 [0]"},
		"a chain":           {[]float64{1, 2, 3}, []report.Edge{{From: 0, To: 1}, {From: 1, To: 2}}, "[0 1 2] 6 [0 0 0]"},
		"two side by side":  {[]float64{1, 5, 2}, []report.Edge{{From: 0, To: 1}, {From: 0, To: 2}}, "[0 1] 6 [0 0 3]"},
		"through a barrier": {[]float64{4, 1, 2}, []report.Edge{{From: 0, To: 3}, {From: 1, To: 3}, {From: 3, To: 2}}, "[0 2] 6 [0 3 0]"},
		"alone":             {[]float64{4, 1}, nil, "[0] 4 [0 3]"},
		"a diamond":         {[]float64{1, 2, 7, 1}, []report.Edge{{From: 0, To: 1}, {From: 0, To: 2}, {From: 1, To: 3}, {From: 2, To: 3}}, "[0 2 3] 9 [0 5 0 0]"},
	} {
		t.Run(name, func(t *testing.T) {
			r := &report.Report{Edges: c.edges}
			for _, ms := range c.took {
				r.Results = append(r.Results, &result{DurationMS: ms})
			}
			p := criticalPath(r, 4)
			if diff := cmp.Diff(c.want, fmt.Sprint(p.on, p.length, p.slack)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// visible is the addresses of the rows in the document, from the first in sight on.
const visible = `[...document.querySelectorAll('#view-list .row .address')].map(e => e.textContent)`

func (b *tab) want(t *testing.T, expression string, want any) {
	t.Helper()
	if diff := cmp.Diff(want, b.eval(expression)); diff != "" {
		t.Errorf("%s: %s", expression, diff)
	}
}

func (b *tab) clean(t *testing.T) {
	t.Helper()
	for _, bad := range b.bad {
		t.Error(bad)
	}
}

func TestPageOfTen(t *testing.T) {
	b := open(t, ten(), 1280, 800)
	defer b.clean(t)
	t.Run("begins with what failed", func(t *testing.T) {
		b.want(t, "document.querySelector('#detail h2').textContent", "exec.rebalance")
		b.want(t, "document.querySelector('#detail .error').innerText.split('\\n')[0]", "main.hcl:34,3-42")
		b.want(t, visible+".length", 10.0)
	})
	t.Run("texts are texts", func(t *testing.T) {
		b.want(t, "document.querySelectorAll('#detail pre b').length", 0.0)
		b.want(t, visible+"[8]", `file["/etc/rhyming \u202eevil</script>"]`)
	})
	t.Run("keys move", func(t *testing.T) {
		b.press("ArrowDown")
		b.want(t, "document.querySelector('#detail h2').textContent", "exec.heal")
		b.press("Home", "ArrowDown")
		b.want(t, "document.querySelector('#detail h2').textContent", `file["/etc/glusterfs/glusterd.vol"]`)
		b.want(t, "[...document.querySelectorAll('#detail pre .add')].map(e => e.textContent).join('|')", "+    type mgmt/glusterd2|+    option base-port 49152")
		b.want(t, "document.querySelector('#detail .change').innerText.replace(/\\s+/g, ' ')", "mode 0600 → 0644")
		b.screenshot("ten-diff-light")
	})
	t.Run("notify chain", func(t *testing.T) {
		b.press("End", "ArrowUp", "ArrowUp")
		b.want(t, "document.querySelector('#detail ul').innerText.replace(/\\s+/g, ' ')", `↳ service.glusterd changed ↳ file["/etc/glusterfs/glusterd.vol"] changed`)
	})
	t.Run("through a barrier", func(t *testing.T) {
		b.press("End")
		b.want(t, "[...document.querySelectorAll('#detail ul .link')].map(e => e.textContent).join(' ')", `service.glusterd mount["/data/brick"]`)
	})
	t.Run("search", func(t *testing.T) {
		b.press("/")
		b.want(t, "document.activeElement.id", "search")
		b.press("3", "6", "9") // digits go into the field, not to the views
		b.want(t, "document.getElementById('shown').textContent", "0 of 10")
		b.press("Escape")
		b.want(t, visible+".length", 10.0)
		b.press("/", "b", "r", "i", "c", "k", "Enter")
		b.want(t, visible+".join()", `mount["/data/brick"],exec.rebalance`)
		b.want(t, "document.activeElement.className", "rows")
		b.press("Escape", "Escape")
		b.want(t, visible+".length", 10.0)
		b.want(t, "document.getElementById('detail').hidden", true)
	})
	t.Run("filter", func(t *testing.T) {
		b.eval("document.querySelector('.chip.changed').click(), document.querySelector('.chip.failed').click()")
		b.frame()
		b.want(t, "document.getElementById('shown').textContent", "4 of 10")
		b.press("Escape")
	})
	t.Run("views", func(t *testing.T) {
		b.eval("document.getElementById('tab-list').focus()")
		b.press("ArrowRight")
		b.want(t, "document.activeElement.id + document.getElementById('view-graph').hidden", "tab-graphfalse")
		b.press("ArrowRight")
		b.want(t, "document.querySelector('#view-timeline .legend span').textContent", "Critical path: 5.10s of 5.12s, 4 resources")
		b.want(t, "[...document.querySelectorAll('#view-timeline .critical')].length", 4.0)
	})
	t.Run("graph", func(t *testing.T) {
		b.press("2")
		b.want(t, "document.activeElement.tagName", "CANVAS")
		b.press("ArrowRight", "ArrowRight", "ArrowRight")
		b.want(t, "document.querySelector('#detail h2').textContent", "service.glusterd")
		b.press("ArrowLeft")
		b.want(t, "document.querySelector('#detail h2').textContent", `file["/etc/glusterfs/glusterd.vol"]`)
		b.press("Escape", "0")
		b.want(t, "(v => { const g = views.graph; return g.at((g.left[v] + 20) * g.scale + g.x, (g.top[v] + 9) * g.scale + g.y); })(5)", 5.0)
		b.eval("(g => { for (const type of ['pointerdown', 'pointerup']) g.canvas.dispatchEvent(new PointerEvent(type, {pointerId: 1, clientX: (g.left[5] + 9) * g.scale + g.x + g.canvas.getBoundingClientRect().left, clientY: (g.top[5] + 9) * g.scale + g.y + g.canvas.getBoundingClientRect().top})); })(Object.assign(views.graph, (views.graph.canvas.setPointerCapture = () => {}, {})))")
		b.want(t, "document.querySelector('#detail h2').textContent", "exec.rebalance")
		before := b.eval("views.graph.scale").(float64)
		b.press("+")
		if after := b.eval("views.graph.scale").(float64); after <= before {
			t.Errorf("zoomed in from %g to %g", before, after)
		}
	})
	shoot(t, b, "ten")
}

func TestPageOfTenThousand(t *testing.T) {
	b := open(t, many(10000), 1280, 800)
	defer b.clean(t)
	rows := b.eval("document.querySelectorAll('.row').length").(float64)
	if rows < 15 || rows > 120 {
		t.Errorf("%g rows are in the document", rows)
	}
	b.press("End")
	b.want(t, "document.querySelector('#detail h2').textContent", "service.service-199")
	b.want(t, "document.querySelector('#view-list .row[aria-selected=true]').getAttribute('aria-posinset')", "10000")
	b.want(t, "[...document.querySelectorAll('#detail li')].at(-1).textContent", "and 36 more")
	b.press("/")
	for _, k := range "no space" {
		b.press(string(k))
	}
	b.want(t, "document.getElementById('shown').textContent", fmt.Sprintf("%d of 10000", many(10000).Counts().Failed))
	b.press("Escape", "Escape")
	if ms := b.eval("(() => { const t = performance.now(); refresh(); views.graph.fit(); views.graph.paint(); return performance.now() - t; })()").(float64); ms > 5000 {
		t.Errorf("one redraw took %g ms", ms)
	} else {
		t.Logf("one redraw took %g ms", ms)
	}
	shoot(t, b, "tenthousand")
}

func TestPageNarrow(t *testing.T) {
	b := open(t, ten(), 400, 700)
	defer b.clean(t)
	b.want(t, "document.getElementById('detail').hidden", true)
	b.want(t, "document.documentElement.scrollWidth", 400.0)
	b.screenshot("narrow")
	b.press("ArrowDown")
	b.want(t, "document.getElementById('detail').offsetWidth", 400.0)
}

func TestPageOfNothing(t *testing.T) {
	b := open(t, &report.Report{Mode: report.Plan, Manifest: "empty.hcl"}, 1280, 800)
	defer b.clean(t)
	b.want(t, "document.querySelector('#view-list .nothing').textContent", "Nothing is declared.")
	b.press("2", "ArrowRight", "3", "End", "Escape", "1")
}

// shoot takes the views in light and dark, and checks that the drawing follows: the corner of the page and that of the graph have the background's colour.
func shoot(t *testing.T, b *tab, name string) {
	t.Helper()
	for _, dark := range []bool{false, true} {
		b.dark(dark)
		mode, background := "light", [3]uint32{0xff, 0xff, 0xff}
		if dark {
			mode, background = "dark", [3]uint32{0x14, 0x17, 0x1b}
		}
		for key, view := range map[string]string{"1": "list", "2": "graph", "3": "timeline"} {
			b.press(key)
			img, err := png.Decode(bytes.NewReader(b.screenshot(name + "-" + view + "-" + mode)))
			if err != nil {
				t.Fatal(err)
			}
			for _, at := range [][2]int{{3, 3}, {4, 500}} {
				r, g, bl, _ := img.At(at[0], at[1]).RGBA()
				if got := [3]uint32{r >> 8, g >> 8, bl >> 8}; got != background && (view != "list" || at[1] == 3) {
					t.Errorf("%s, %s: the colour at %v is %x, not %x", view, mode, at, got, background)
				}
			}
		}
	}
}
