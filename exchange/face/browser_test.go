package face_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/nodeapply/apply/host/hosttest"
)

// browser is a headless Chromium, spoken to in its debugging protocol over two pipes.
type browser struct {
	t       *testing.T
	w       io.Writer
	replies chan message
	session string
	id      int
}

type message struct {
	ID     int            `json:"id,omitempty"`
	Method string         `json:"method,omitempty"`
	Params map[string]any `json:"params,omitempty"`
	Sess   string         `json:"sessionId,omitempty"`
	Result map[string]any `json:"result,omitempty"`
	Error  map[string]any `json:"error,omitempty"`
}

const browserTimeout = 90 * time.Second

func startBrowser(t *testing.T) *browser {
	t.Helper()
	program := hosttest.Program(t, "chromium", "the page in a real browser")
	toR, toW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	fromR, fromW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
		"--ignore-certificate-errors", "--window-size=1280,800", "--user-data-dir="+t.TempDir(), "--remote-debugging-pipe", "about:blank")
	cmd.ExtraFiles = []*os.File{toR, fromW} // 3 and 4
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	toR.Close()
	fromW.Close()
	b := &browser{t: t, w: toW, replies: make(chan message, 100)}
	done := make(chan bool)
	go func() {
		defer close(done)
		defer close(b.replies)
		for r := bufio.NewReader(fromR); ; {
			line, err := r.ReadBytes(0)
			if err != nil {
				return
			}
			var m message
			if json.Unmarshal(line[:len(line)-1], &m) == nil && m.ID != 0 {
				b.replies <- m
			}
		}
	}()
	t.Cleanup(func() {
		b.session = ""
		b.call("Browser.close", nil)
		toW.Close()
		cmd.Wait() // it was told to end
		<-done
		fromR.Close()
	})
	return b
}

// call makes one call and waits for its answer.
func (b *browser) call(method string, params map[string]any) map[string]any {
	b.t.Helper()
	result, err := b.try(method, params)
	if err != nil {
		b.t.Fatal(err)
	}
	return result
}

// try is call where the browser may refuse.
func (b *browser) try(method string, params map[string]any) (map[string]any, error) {
	b.t.Helper()
	b.id++
	m, err := json.Marshal(message{ID: b.id, Method: method, Params: params, Sess: b.session})
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.w.Write(append(m, 0)); err != nil {
		b.t.Fatalf("%s: %v", method, err)
	}
	timeout := time.NewTimer(browserTimeout)
	defer timeout.Stop()
	for {
		select {
		case r, ok := <-b.replies:
			if !ok {
				b.t.Fatalf("%s: the browser has gone", method)
			}
			if r.ID != b.id {
				continue
			}
			if r.Error != nil {
				return nil, fmt.Errorf("%s: %v", method, r.Error)
			}
			return r.Result, nil
		case <-timeout.C:
			b.t.Fatalf("%s: no answer", method)
		}
	}
}

func (b *browser) open(url string) {
	b.t.Helper()
	target := b.call("Target.createTarget", map[string]any{"url": url})["targetId"]
	session := b.call("Target.attachToTarget", map[string]any{"targetId": target, "flatten": true})["sessionId"]
	b.session = fmt.Sprint(session)
	b.call("Page.bringToFront", nil)
	for range 100 { // a script that waits is ended when the page that it was in gives way to the next
		r, err := b.try("Runtime.evaluate", map[string]any{
			"expression":    `new Promise(done => location.protocol === "about:" ? 0 : document.readyState === "complete" ? done(true) : addEventListener("load", () => done(true)))`,
			"returnByValue": true, "awaitPromise": true, "timeout": 1000,
		})
		if err == nil && r["exceptionDetails"] == nil {
			return
		}
	}
	b.t.Fatalf("%s does not load", url)
}

func (b *browser) eval(script string) any {
	b.t.Helper()
	r := b.call("Runtime.evaluate", map[string]any{"expression": script, "returnByValue": true, "awaitPromise": true})
	if r["exceptionDetails"] != nil {
		b.t.Fatalf("%s: %v", script, r["exceptionDetails"])
	}
	result, _ := r["result"].(map[string]any)
	return result["value"]
}

// until waits, in the browser, until a condition holds.
func (b *browser) until(condition string) {
	b.t.Helper()
	script := fmt.Sprintf(`new Promise(done => {
		const end = Date.now() + 15000;
		const look = () => { let ok = false; try { ok = %s } catch {} ok ? done(true) : Date.now() > end ? done(false) : setTimeout(look, 20) };
		look();
	})`, condition)
	if b.eval(script) != true {
		b.t.Fatalf("never so: %s\nthe page: %v", condition, b.eval(`document.body.innerText`))
	}
}

func (b *browser) typeText(s string) { b.call("Input.insertText", map[string]any{"text": s}) }

func (b *browser) press(key string, code int) {
	b.t.Helper()
	text := ""
	if key == "Enter" {
		text = "\r"
	}
	for _, kind := range []string{"keyDown", "keyUp"} {
		b.call("Input.dispatchKeyEvent", map[string]any{"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text})
		text = ""
	}
}
