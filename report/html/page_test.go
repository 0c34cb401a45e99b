package html

import (
	"bytes"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/e2e/browser"
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
	if markup, _, _ := strings.Cut(b.String(), "<script"); strings.Contains(markup, "\u202e") {
		t.Error("what turns the direction of writing is in the markup")
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
		"no time at all":    {[]float64{0, 0}, []report.Edge{{From: 0, To: 1}}, "[0] 0 [0 0]"},
		"after no time":     {[]float64{0, 3}, []report.Edge{{From: 0, To: 1}}, "[0 1] 3 [0 0]"},
		"the last first":    {[]float64{1, 2}, []report.Edge{{From: 1, To: 0}}, "[1 0] 3 [0 0]"},
		"edges of nothing":  {[]float64{1, 2}, []report.Edge{{From: -1, To: 1}, {From: 0, To: -1}, {From: 1, To: 1}}, "[1] 2 [1 0]"},
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

func TestMode(t *testing.T) {
	for want, r := range map[string]report.Report{"Run": {}, "Plan": {Mode: report.Plan}, "Interrupted": {Mode: report.Plan, Interrupted: 15}} {
		if got := (page{R: &r}).Mode(); got != want {
			t.Errorf("want %s, got %s", want, got)
		}
	}
}

// written is the address of the page of r.
func written(t *testing.T, r *report.Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, r); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return "file://" + name
}

func open(t *testing.T, r *report.Report, width, height int) *browser.Tab {
	t.Helper()
	return browser.Open(t, written(t, r), width, height)
}

// visible is the addresses of the rows in the document, from the first in sight on.
const visible = `[...document.querySelectorAll('#view-list .row .address')].map(e => e.textContent)`

func want(t *testing.T, b *browser.Tab, expression string, want any) {
	t.Helper()
	if diff := cmp.Diff(want, b.Eval(expression)); diff != "" {
		t.Errorf("%s: %s", expression, diff)
	}
}

func clean(t *testing.T, b *browser.Tab) {
	t.Helper()
	for _, bad := range b.Bad {
		t.Error(bad)
	}
}

func TestPageOfTen(t *testing.T) {
	b := open(t, ten(), 1280, 800)
	defer clean(t, b)
	t.Run("begins with what failed", func(t *testing.T) {
		want(t, b, "document.querySelector('#detail h2').textContent", "exec.rebalance")
		want(t, b, "document.querySelector('#detail .error').innerText.split('\\n')[0]", "main.hcl:34,3-42")
		want(t, b, visible+".length", 10.0)
		want(t, b, "[...document.querySelectorAll('.notices p')].map(e => e.innerText).join('|')",
			"failed exec.rebalance exit code 3|warning temporary files of a run that died were removed|output where = \\u202e</script>")
	})
	t.Run("texts are texts", func(t *testing.T) {
		want(t, b, "document.querySelectorAll('#detail pre b').length", 0.0)
		want(t, b, visible+"[8]", `file["/etc/rhyming \u202eevil</script>"]`)
	})
	t.Run("keys move", func(t *testing.T) {
		b.Press("ArrowDown")
		want(t, b, "document.querySelector('#detail h2').textContent", "exec.heal")
		b.Eval("document.querySelector('.notices .link').click()")
		want(t, b, "document.querySelector('#detail h2').textContent", "exec.rebalance")
		b.Press("Home", "ArrowDown")
		want(t, b, "document.querySelector('#detail h2').textContent", `file["/etc/glusterfs/glusterd.vol"]`)
		want(t, b, "[...document.querySelectorAll('#detail pre .add')].map(e => e.textContent).join('|')", "+    type mgmt/glusterd2|+    option base-port 49152")
		want(t, b, "document.querySelector('#detail .change').innerText.replace(/\\s+/g, ' ')", "mode 0600 → 0644")
		b.Screenshot("ten-diff-light")
	})
	t.Run("notify chain", func(t *testing.T) {
		b.Press("End", "ArrowUp", "ArrowUp")
		want(t, b, "document.querySelector('#detail ul').innerText.replace(/\\s+/g, ' ')", `↳ service.glusterd changed ↳ file["/etc/glusterfs/glusterd.vol"] changed`)
	})
	t.Run("through a barrier", func(t *testing.T) {
		b.Press("End")
		want(t, b, "[...document.querySelectorAll('#detail ul .link')].map(e => e.textContent).join(' ')", `service.glusterd mount["/data/brick"]`)
	})
	t.Run("search", func(t *testing.T) {
		b.Press("/")
		want(t, b, "document.activeElement.id", "search")
		b.Press("3", "6", "9") // digits go into the field, not to the views
		want(t, b, "document.getElementById('shown').textContent", "0 of 10")
		b.Press("Escape")
		want(t, b, visible+".length", 10.0)
		b.Press("/", "b", "r", "i", "c", "k", "Enter")
		want(t, b, visible+".join()", `mount["/data/brick"],exec.rebalance`)
		want(t, b, "document.activeElement.className", "rows")
		b.Press("Escape", "Escape")
		want(t, b, visible+".length", 10.0)
		want(t, b, "document.getElementById('detail').hidden", true)
	})
	t.Run("filter", func(t *testing.T) {
		b.Eval("document.querySelector('.chip.changed').click(), document.querySelector('.chip.failed').click()")
		b.Frame()
		want(t, b, "document.getElementById('shown').textContent", "4 of 10")
		b.Press("Escape")
	})
	t.Run("sort", func(t *testing.T) {
		b.Eval("document.querySelector('[data-by=outcome]').click()")
		want(t, b, visible+".slice(0, 3).join()", "exec.rebalance,exec.heal,package.glusterfs-server")
		b.Eval("document.querySelector('[data-by=took]').click()")
		want(t, b, visible+".slice(0, 3).join()", "package.glusterfs-server,exec.rebalance,service.glusterd")
		want(t, b, "[...document.querySelectorAll('.head [aria-pressed=true]')].map(e => e.textContent).join()", "Took")
		b.Eval("document.querySelector('[data-by=took]').click()")
		want(t, b, visible+".slice(1, 3).join()", `file["/etc/glusterfs/glusterd.vol"],service.glusterd`)
	})
	t.Run("views", func(t *testing.T) {
		b.Eval("document.getElementById('tab-list').focus()")
		b.Press("ArrowRight")
		want(t, b, "document.activeElement.id + document.getElementById('view-graph').hidden", "tab-graphfalse")
		b.Press("ArrowRight")
		want(t, b, "document.querySelector('#view-timeline .legend span').textContent", "Critical path: 5.10s of 5.12s, 4 resources")
		want(t, b, "[...document.querySelectorAll('#view-timeline .critical')].length", 4.0)
	})
	t.Run("graph", func(t *testing.T) {
		b.Press("2")
		want(t, b, "document.activeElement.tagName", "CANVAS")
		b.Press("ArrowRight", "ArrowRight", "ArrowRight")
		want(t, b, "document.querySelector('#detail h2').textContent", "service.glusterd")
		b.Press("ArrowLeft")
		want(t, b, "document.querySelector('#detail h2').textContent", `file["/etc/glusterfs/glusterd.vol"]`)
		b.Press("Escape", "0")
		want(t, b, "(v => { const g = views.graph; return g.at((g.left[v] + 20) * g.scale + g.x, (g.top[v] + 9) * g.scale + g.y); })(5)", 5.0)
		b.Eval("(g => { for (const type of ['pointerdown', 'pointerup']) g.canvas.dispatchEvent(new PointerEvent(type, {pointerId: 1, clientX: (g.left[5] + 9) * g.scale + g.x + g.canvas.getBoundingClientRect().left, clientY: (g.top[5] + 9) * g.scale + g.y + g.canvas.getBoundingClientRect().top})); })(Object.assign(views.graph, (views.graph.canvas.setPointerCapture = () => {}, {})))")
		want(t, b, "document.querySelector('#detail h2').textContent", "exec.rebalance")
		before := b.Eval("views.graph.scale").(float64)
		b.Press("+")
		if after := b.Eval("views.graph.scale").(float64); after <= before {
			t.Errorf("zoomed in from %g to %g", before, after)
		}
	})
	shoot(t, b, "ten")
}

func TestPageOfTenThousand(t *testing.T) {
	b := open(t, many(10000), 1280, 800)
	defer clean(t, b)
	rows := b.Eval("document.querySelectorAll('.row').length").(float64)
	if rows < 15 || rows > 120 {
		t.Errorf("%g rows are in the document", rows)
	}
	b.Press("End")
	want(t, b, "document.querySelector('#detail h2').textContent", "service.service-199")
	want(t, b, "document.querySelector('#view-list .row[aria-selected=true]').getAttribute('aria-posinset')", "10000")
	want(t, b, "[...document.querySelectorAll('#detail li')].at(-1).textContent", "and 36 more")
	b.Press("/")
	for _, k := range "no space" {
		b.Press(string(k))
	}
	want(t, b, "document.getElementById('shown').textContent", fmt.Sprintf("%d of 10000", many(10000).Counts().Failed))
	b.Press("Escape", "Escape")
	if ms := b.Eval("(() => { const t = performance.now(); refresh(); views.graph.fit(); views.graph.paint(); return performance.now() - t; })()").(float64); ms > 5000 {
		t.Errorf("one redraw took %g ms", ms)
	} else {
		t.Logf("one redraw took %g ms", ms)
	}
	shoot(t, b, "tenthousand")
}

func TestPageNarrow(t *testing.T) {
	b := open(t, ten(), 400, 700)
	defer clean(t, b)
	want(t, b, "document.getElementById('detail').hidden", true)
	want(t, b, "document.documentElement.scrollWidth", 400.0)
	b.Screenshot("narrow")
	b.Press("ArrowDown")
	want(t, b, "document.getElementById('detail').offsetWidth", 400.0)
}

// TestPageOnPaper asks for all rows, not those in sight, and for what is chosen below them.
func TestPageOnPaper(t *testing.T) {
	b := open(t, many(1000), 794, 1000) // A4
	defer clean(t, b)
	b.Press("ArrowDown")
	b.Call("Emulation.setEmulatedMedia", map[string]any{"media": "print"}, nil)
	want(t, b, "dispatchEvent(new Event('beforeprint')), document.querySelectorAll('#view-list .row').length", 1000.0)
	want(t, b, "Math.sign(document.getElementById('detail').getBoundingClientRect().top - [...document.querySelectorAll('#view-list .row')].at(-1).getBoundingClientRect().bottom) >= 0", true)
	b.Call("Emulation.setEmulatedMedia", map[string]any{"media": ""}, nil)
	want(t, b, "dispatchEvent(new Event('afterprint')), document.querySelectorAll('#view-list .row').length < 200", true)
}

func TestPageWithoutScripts(t *testing.T) {
	b := browser.OpenStill(t, written(t, ten()), 1280, 800)
	defer clean(t, b)
	text := fmt.Sprint(b.Eval("document.body.innerText"))
	for _, w := range []string{"volume rebalance: data: failed", "skipped exec.heal main.hcl:40 because exec.rebalance failed", "+    option base-port 49152", `/etc/rhyming \u202eevil</script>`} {
		if !strings.Contains(text, w) {
			t.Errorf("want %q in %s", w, text)
		}
	}
	want(t, b, "[...document.querySelectorAll('main, [role=tablist], .search')].some(e => e.checkVisibility())", false)
	b.Screenshot("still")
}

func TestPageOfNothing(t *testing.T) {
	b := open(t, &report.Report{Mode: report.Plan, Manifest: "empty.hcl", Interrupted: 2}, 1280, 800)
	defer clean(t, b)
	want(t, b, "document.querySelector('.notices').innerText", "interrupted nothing new was started: run it again to finish what is left")
	want(t, b, "document.querySelector('#view-list .nothing').textContent", "Nothing is declared.")
	b.Press("2", "ArrowRight", "3", "End", "Escape", "1")
}

// shoot takes the views in light and dark, and checks that the drawing follows: the corner of the page and that of the graph have the background's colour.
func shoot(t *testing.T, b *browser.Tab, name string) {
	t.Helper()
	for _, dark := range []bool{false, true} {
		b.Dark(dark)
		mode, background := "light", [3]uint32{0xff, 0xff, 0xff}
		if dark {
			mode, background = "dark", [3]uint32{0x14, 0x17, 0x1b}
		}
		for key, view := range map[string]string{"1": "list", "2": "graph", "3": "timeline"} {
			b.Press(key)
			if faint := b.Faint(); faint != "" {
				t.Errorf("%s, %s: hard to read:\n%s", view, mode, faint)
			}
			img, err := png.Decode(bytes.NewReader(b.Screenshot(name + "-" + view + "-" + mode)))
			if err != nil {
				t.Fatal(err)
			}
			for _, at := range [][2]int{{3, 3}, {4, 650}} {
				r, g, bl, _ := img.At(at[0], at[1]).RGBA()
				if got := [3]uint32{r >> 8, g >> 8, bl >> 8}; got != background && (view != "list" || at[1] == 3) {
					t.Errorf("%s, %s: the colour at %v is %x, not %x", view, mode, at, got, background)
				}
			}
		}
	}
}
