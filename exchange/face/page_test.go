package face_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/nodeapply/apply/e2e/browser"
	"github.com/nodeapply/apply/exchange"
	"github.com/nodeapply/apply/exchange/exchangetest"
	"github.com/nodeapply/apply/exchange/record"
)

func TestThePageLoadsNothingAndHoldsNothing(t *testing.T) {
	s := exchangetest.StartServer(t)
	f := newFace(t, s)
	code, body := f.do("GET", "/", "")
	if code != http.StatusOK {
		t.Errorf("with the token: %d", code)
	}
	for _, bad := range []string{"http://", "https://", "//cdn", "src=", "@import", "url(", "innerHTML"} {
		if strings.Contains(body, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
	f.token = ""
	code, body = f.do("GET", "/", "")
	if code != http.StatusUnauthorized || !strings.Contains(body, "Bearer token") {
		t.Errorf("without a token: %d; or it does not ask for one", code)
	}
}

// TestThePageInABrowser uses the page by its keyboard alone, and watches it change.
func TestThePageInABrowser(t *testing.T) {
	s := exchangetest.StartServer(t)
	f := newFace(t, s)
	w := record.Wait{Name: "bricks", Fact: "glusterup", Group: "g", Min: 3}
	first := joined(t, s, "node01", exchange.Plan{
		Waits: []record.Wait{w}, Exports: []record.Export{{Fact: "glusterup"}, {Fact: "volume", Behind: []string{"bricks"}}},
	})
	second := joined(t, s, "node02", exchange.Plan{Exports: []record.Export{{Fact: "glusterup"}}})
	hostile := joined(t, s, "node03", exchange.Plan{Exports: []record.Export{{Fact: "glusterup"}}})
	publish := func(r *exchange.Run, fact, value string) {
		t.Helper()
		if err := r.Publish(t.Context(), fact, json.RawMessage(value), 0); err != nil {
			t.Fatal(err)
		}
	}
	publish(first, "glusterup", "true")
	publish(hostile, "motd", `"<img src=x onerror=\"document.title='owned'\">"`)
	waited := make(chan error, 1)
	go func() {
		_, err := first.Wait(t.Context(), w, nil)
		waited <- err
	}()
	second.Doing("exec.mkfs")

	b := browser.Open(t, s.URL+"/", 1280, 800)
	b.Until(`document.activeElement.id === "token"`)
	b.Type("wrong")
	b.Press("Enter")
	b.Until(`document.getElementById("live").textContent.includes("not known")`)
	b.Until(`document.activeElement.id === "token"`)
	b.Type(f.token)
	b.Press("Enter")
	b.Until(`document.getElementById("live").textContent === "live"`)
	b.Until(`document.getElementById("waits").textContent.includes("glusterup of node02, node03")`)
	b.Until(`document.getElementById("nodes").textContent.includes("exec.mkfs")`)
	b.Until(`document.getElementById("nodes").textContent.includes("onerror")`)
	if b.Eval(`document.title`) != "apply exchange" {
		t.Error("what a node has written was taken for markup")
	}
	b.Press("Tab")
	if got := b.Eval(`document.activeElement.getAttribute("aria-labelledby")`); got != "waits-title" {
		t.Errorf("the tab key goes to %v", got)
	}
	b.Screenshot("exchange-light")
	faint := b.Faint()
	b.Dark(true)
	b.Screenshot("exchange-dark")
	if more := b.Faint(); faint != "" || more != "" {
		t.Errorf("hard to read:\n%s\n%s", faint, more)
	}
	if light, dark := "rgb(247, 248, 250)", b.Eval(`getComputedStyle(document.body).backgroundColor`); dark == light {
		t.Error("dark is as light")
	}

	publish(second, "glusterup", "true")
	publish(hostile, "glusterup", "true")
	if err := <-waited; err != nil {
		t.Error(err)
	}
	b.Until(`document.getElementById("waits").textContent.includes("nobody waits")`)
	if got := b.Eval(`performance.getEntriesByType("resource").filter(r => !r.name.startsWith(location.origin)).length`); got != float64(0) {
		t.Errorf("%v things were loaded from elsewhere", got)
	}
	for _, r := range []*exchange.Run{first, second, hostile} {
		if err := r.End(t.Context(), ""); err != nil {
			t.Error(err)
		}
	}
	b.Until(`!document.getElementById("nodes").textContent.includes("running")`)
	x, err := exchange.New(s.Client(t, "node03"), exchange.Options{})
	if err := errors.Join(err, x.Forget(t.Context(), "node03")); err != nil {
		t.Fatal(err)
	}
	b.Until(`!document.getElementById("nodes").textContent.includes("node03")`)
	s.Stop(t)
	b.Until(`document.getElementById("live").textContent.includes("connection lost")`)
	exchangetest.StartServerOn(t, s.Data, s.Addr)
	b.Until(`document.getElementById("live").textContent === "live"`)
}

// TestAFleetThatWaitsIsOneRow: fifty nodes in one wait do not push all else off the page.
func TestAFleetThatWaitsIsOneRow(t *testing.T) {
	s := exchangetest.StartServer(t)
	f := newFace(t, s)
	for i := range 50 {
		w := record.Wait{Name: "bricks", Fact: "glusterup", Group: "g"}
		if i == 20 {
			w.Name = "another"
		}
		joined(t, s, fmt.Sprintf("node%02d", i), exchange.Plan{Waits: []record.Wait{w}, Exports: []record.Export{{Fact: "glusterup"}}})
	}
	b := browser.Open(t, s.URL+"/", 1280, 800)
	b.Until(`document.activeElement.id === "token"`)
	b.Type(f.token)
	b.Press("Enter")
	b.Until(`document.getElementById("nodes").rows.length === 50 && document.getElementById("waits").rows.length === 2`)
	b.Until(`document.getElementById("waits").rows[0].cells[0].textContent.endsWith(" node11 and 37 more")`)
	b.Until(`document.getElementById("waits").rows[1].cells[0].textContent === "node20"`)
	b.Screenshot("exchange-fleet")
}
