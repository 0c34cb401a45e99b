package html

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/report"
)

// tab is a page in a real, headless Chromium, spoken to by the DevTools protocol over its pipe: JSON objects, each ended by a zero byte.
type tab struct {
	t       *testing.T
	to      *os.File
	answers chan message
	session string
	last    int
	// bad is what a page must not do: exceptions, refused by its policy, requests.
	bad []string
}

type message struct {
	ID     int             `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error"`
}

const browserPatience = 90 * time.Second

// open shows r in a browser of its own.
func open(t *testing.T, r *report.Report, width, height int) *tab {
	t.Helper()
	chromium := hosttest.Program(t, "chromium", "that the page works in a browser")
	dir := t.TempDir()
	name := filepath.Join(dir, "report.html")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := Write(f, r); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	b := start(t, chromium, dir, width, height)
	var created struct{ TargetID string }
	b.call("Target.createTarget", map[string]any{"url": "about:blank"}, &created)
	var attached struct{ SessionID string }
	b.call("Target.attachToTarget", map[string]any{"targetId": created.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	for _, domain := range []string{"Page", "Runtime", "Log", "Network"} {
		b.call(domain+".enable", nil, nil)
	}
	b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false}, nil)
	b.call("Page.navigate", map[string]any{"url": "file://" + name}, nil)
	b.until("document.readyState === 'complete' && typeof state === 'object'")
	return b
}

func start(t *testing.T, chromium, dir string, width, height int) *tab {
	t.Helper()
	theirIn, ourOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	ourIn, theirOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars", "--remote-debugging-pipe",
		"--user-data-dir="+filepath.Join(dir, "profile"), fmt.Sprintf("--window-size=%d,%d", width, height))
	cmd.ExtraFiles = []*os.File{theirIn, theirOut}
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_, _ = theirIn.Close(), theirOut.Close()
	b := &tab{t: t, to: ourOut, answers: make(chan message, 10000)}
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer close(b.answers)
		for r := bufio.NewReaderSize(ourIn, 1<<20); ; {
			text, err := r.ReadBytes(0)
			if err != nil {
				return
			}
			var m message
			if err := json.Unmarshal(text[:len(text)-1], &m); err == nil {
				b.answers <- m
			}
		}
	}()
	t.Cleanup(func() {
		_ = ourOut.Close()
		kill := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait() // it ends because its pipe is closed
		kill.Stop()
		_ = ourIn.Close()
		<-read
	})
	return b
}

// call asks the browser for something and waits for the answer.
func (b *tab) call(method string, params any, result any) {
	b.t.Helper()
	b.last++
	m := map[string]any{"id": b.last, "method": method}
	if params != nil {
		m["params"] = params
	}
	if b.session != "" {
		m["sessionId"] = b.session
	}
	text, err := json.Marshal(m)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.to.Write(append(text, 0)); err != nil {
		b.t.Fatal(err)
	}
	deadline := time.After(browserPatience)
	for {
		select {
		case <-deadline:
			b.t.Fatalf("%s: no answer in %v", method, browserPatience)
		case a, ok := <-b.answers:
			if !ok {
				b.t.Fatalf("%s: the browser has ended", method)
			}
			b.watch(a)
			if a.ID != b.last {
				continue
			}
			if a.Error != nil {
				b.t.Fatalf("%s: %s", method, a.Error.Message)
			}
			if result != nil {
				if err := json.Unmarshal(a.Result, result); err != nil {
					b.t.Fatalf("%s: %v", method, err)
				}
			}
			return
		}
	}
}

// watch takes note of what a page must not do.
func (b *tab) watch(m message) {
	switch m.Method {
	case "Runtime.exceptionThrown", "Log.entryAdded":
		b.bad = append(b.bad, m.Method+": "+string(m.Params))
	case "Network.requestWillBeSent":
		var p struct{ Request struct{ URL string } }
		if err := json.Unmarshal(m.Params, &p); err != nil || len(p.Request.URL) < 5 || p.Request.URL[:5] != "file:" && p.Request.URL[:5] != "data:" {
			b.bad = append(b.bad, "request: "+string(m.Params))
		}
	}
}

// eval is the value of an expression in the page, as JSON decodes it.
func (b *tab) eval(expression string) any {
	b.t.Helper()
	var r struct {
		Result           struct{ Value any }
		ExceptionDetails json.RawMessage
	}
	b.call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true}, &r)
	if r.ExceptionDetails != nil {
		b.t.Fatalf("%s: %s", expression, r.ExceptionDetails)
	}
	return r.Result.Value
}

// until waits for an expression to be true. The page itself looks again at each of its frames.
func (b *tab) until(expression string) {
	b.t.Helper()
	deadline := time.Now().Add(browserPatience)
	for b.eval("new Promise(done => setTimeout(() => done(!!("+expression+")), 20))") != true {
		if time.Now().After(deadline) {
			b.t.Fatalf("not in %v: %s", browserPatience, expression)
		}
	}
}

// press presses and releases keys, by their DOM names.
func (b *tab) press(keys ...string) {
	b.t.Helper()
	for _, key := range keys {
		p := map[string]any{"type": "keyDown", "key": key}
		switch {
		case len(key) == 1:
			p["text"] = key
		case key == "Enter":
			p["text"], p["windowsVirtualKeyCode"] = "\r", 13
		case key == "Tab":
			p["windowsVirtualKeyCode"] = 9
		}
		b.call("Input.dispatchKeyEvent", p, nil)
		b.call("Input.dispatchKeyEvent", map[string]any{"type": "keyUp", "key": key}, nil)
	}
	b.frame()
}

// frame waits until the page is drawn.
func (b *tab) frame() {
	b.t.Helper()
	b.eval("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))")
}

func (b *tab) dark(on bool) {
	b.t.Helper()
	value := "light"
	if on {
		value = "dark"
	}
	b.call("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": value}}}, nil)
	b.frame()
}

// screenshot is the page as a PNG. APPLY_SCREENSHOTS names a folder where it is kept, to be looked at.
func (b *tab) screenshot(name string) []byte {
	b.t.Helper()
	var r struct{ Data string }
	b.call("Page.captureScreenshot", map[string]any{"format": "png"}, &r)
	png, err := base64.StdEncoding.DecodeString(r.Data)
	if err != nil {
		b.t.Fatal(err)
	}
	if dir := os.Getenv("APPLY_SCREENSHOTS"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
			b.t.Fatal(err)
		}
	}
	return png
}
