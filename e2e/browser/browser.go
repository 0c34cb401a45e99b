// Package browser drives a real, headless Chromium for the tests of pages, by the DevTools protocol over a pipe: JSON objects, each ended by a zero byte.
package browser

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nodeapply/apply/host/hosttest"
)

// Tab is a page in a browser of its own, which ends with the test.
type Tab struct {
	// Bad is what a page must not do: exceptions, what its policy refuses, requests to elsewhere.
	Bad []string

	t       testing.TB
	to      *os.File
	answers chan message
	session string
	last    int
	origin  string
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

const patience = 90 * time.Second

// Open shows the page at an address in a window of that size and waits until it is loaded. Where there is no browser the test is skipped.
func Open(t testing.TB, address string, width, height int) *Tab {
	t.Helper()
	return open(t, address, width, height, true)
}

// OpenStill is [Open] without JavaScript.
func OpenStill(t testing.TB, address string, width, height int) *Tab {
	t.Helper()
	return open(t, address, width, height, false)
}

func open(t testing.TB, address string, width, height int, scripts bool) *Tab {
	t.Helper()
	at, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	b := start(t, hosttest.Program(t, "chromium", "that the page works in a browser"), width, height)
	b.origin = at.Scheme + "://" + at.Host
	var created struct{ TargetID string }
	b.Call("Target.createTarget", map[string]any{"url": "about:blank"}, &created)
	var attached struct{ SessionID string }
	b.Call("Target.attachToTarget", map[string]any{"targetId": created.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	for _, domain := range []string{"Page", "Runtime", "Log", "Network"} {
		b.Call(domain+".enable", nil, nil)
	}
	b.Call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false}, nil)
	b.Call("Emulation.setScriptExecutionDisabled", map[string]any{"value": !scripts}, nil)
	b.Call("Page.navigate", map[string]any{"url": address}, nil)
	for deadline := time.Now().Add(patience); ; { // a script that waits is ended when the page that it was in gives way to the next
		done, err := b.try("location.protocol !== 'about:' && document.readyState === 'complete'")
		switch {
		case err == nil && done == true:
			return b
		case time.Now().After(deadline):
			t.Fatalf("%s does not load: %v", address, err)
		}
	}
}

func start(t testing.TB, program string, width, height int) *Tab {
	t.Helper()
	theirIn, ourOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	ourIn, theirOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars", "--ignore-certificate-errors", "--remote-debugging-pipe",
		"--user-data-dir="+filepath.Join(t.TempDir(), "profile"), fmt.Sprintf("--window-size=%d,%d", width, height))
	cmd.ExtraFiles = []*os.File{theirIn, theirOut}
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_, _ = theirIn.Close(), theirOut.Close()
	b := &Tab{t: t, to: ourOut, answers: make(chan message, 10000)}
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

// Call asks the browser for something and waits for the answer, which is decoded into result unless that is nil.
func (b *Tab) Call(method string, params, result any) {
	b.t.Helper()
	if err := b.call(method, params, result); err != nil {
		b.t.Fatalf("%s: %v", method, err)
	}
}

func (b *Tab) call(method string, params, result any) error {
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
		return err
	}
	if _, err := b.to.Write(append(text, 0)); err != nil {
		return err
	}
	deadline := time.After(patience)
	for {
		select {
		case <-deadline:
			return fmt.Errorf("no answer in %v", patience)
		case a, ok := <-b.answers:
			if !ok {
				return errors.New("the browser has ended")
			}
			b.watch(a)
			switch {
			case a.ID != b.last:
				continue
			case a.Error != nil:
				return errors.New(a.Error.Message)
			case result != nil:
				return json.Unmarshal(a.Result, result)
			}
			return nil
		}
	}
}

// watch takes note of what a page must not do.
func (b *Tab) watch(m message) {
	switch m.Method {
	case "Runtime.exceptionThrown", "Log.entryAdded":
		b.Bad = append(b.Bad, m.Method+": "+string(m.Params))
	case "Network.requestWillBeSent":
		var p struct{ Request struct{ URL string } }
		if err := json.Unmarshal(m.Params, &p); err != nil || !strings.HasPrefix(p.Request.URL, b.origin) && !strings.HasPrefix(p.Request.URL, "data:") {
			b.Bad = append(b.Bad, "request: "+string(m.Params))
		}
	}
}

// Eval is the value of an expression in the page, as JSON decodes it.
func (b *Tab) Eval(expression string) any {
	b.t.Helper()
	value, err := b.try(expression)
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return value
}

func (b *Tab) try(expression string) (any, error) {
	var r struct {
		Result           struct{ Value any }
		ExceptionDetails json.RawMessage
	}
	if err := b.call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true}, &r); err != nil {
		return nil, err
	}
	if r.ExceptionDetails != nil {
		return nil, errors.New(string(r.ExceptionDetails))
	}
	return r.Result.Value, nil
}

// Until waits for an expression to be true. The page itself looks again every 20 ms.
func (b *Tab) Until(expression string) {
	b.t.Helper()
	deadline := time.Now().Add(patience)
	for b.Eval("new Promise(done => setTimeout(() => { let ok = false; try { ok = !!("+expression+"); } catch {} done(ok); }, 20))") != true {
		if time.Now().After(deadline) {
			b.t.Fatalf("not in %v: %s\nthe page: %v", patience, expression, b.Eval("document.body.innerText"))
		}
	}
}

// Press presses and releases keys, by their DOM names.
func (b *Tab) Press(keys ...string) {
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
		b.Call("Input.dispatchKeyEvent", p, nil)
		b.Call("Input.dispatchKeyEvent", map[string]any{"type": "keyUp", "key": key}, nil)
	}
	b.Frame()
}

// Type enters a text where the focus is.
func (b *Tab) Type(s string) { b.Call("Input.insertText", map[string]any{"text": s}, nil) }

// Frame waits until the page is drawn.
func (b *Tab) Frame() {
	b.t.Helper()
	b.Eval("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))")
}

// Dark asks for dark pages, or for light ones.
func (b *Tab) Dark(on bool) {
	b.t.Helper()
	value := "light"
	if on {
		value = "dark"
	}
	b.Call("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": value}}}, nil)
	b.Frame()
}

// Screenshot is the page as a PNG. APPLY_SCREENSHOTS names a folder where it is kept, to be looked at.
func (b *Tab) Screenshot(name string) []byte {
	b.t.Helper()
	var r struct{ Data []byte }
	b.Call("Page.captureScreenshot", map[string]any{"format": "png"}, &r)
	if dir := os.Getenv("APPLY_SCREENSHOTS"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, name+".png"), r.Data, 0o644); err != nil {
			b.t.Fatal(err)
		}
	}
	return r.Data
}

// Faint lists the texts in sight whose colour is too near to what is behind them: below the contrast of 4.5 to 1 that WCAG asks for.
func (b *Tab) Faint() any {
	b.t.Helper()
	return b.Eval(faint)
}

const faint = `(() => {
	const pixel = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
	const over = (colour, behind) => { // what is seen of colour over another
		pixel.fillStyle = 'rgb(' + behind.join() + ')';
		pixel.fillRect(0, 0, 1, 1);
		pixel.fillStyle = colour;
		pixel.fillRect(0, 0, 1, 1);
		return [...pixel.getImageData(0, 0, 1, 1).data].slice(0, 3);
	};
	const light = c => c.map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
	const behind = el => el ? over(getComputedStyle(el).backgroundColor, behind(el.parentElement)) : [255, 255, 255];
	const bad = new Set();
	for (const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT); walk.nextNode();) {
		const el = walk.currentNode.parentElement, text = walk.currentNode.textContent.trim();
		if (!text || !el.checkVisibility() || el instanceof SVGElement || ['SCRIPT', 'STYLE', 'NOSCRIPT'].includes(el.tagName)) continue;
		const back = behind(el), [a, z] = [light(over(getComputedStyle(el).color, back)), light(back)].sort((x, y) => x - y);
		if ((z + 0.05) / (a + 0.05) < 4.5) bad.add(el.tagName + '.' + el.className + ' "' + text.slice(0, 30) + '" ' + ((z + 0.05) / (a + 0.05)).toFixed(2));
	}
	return [...bad].join('\n');
})()`
