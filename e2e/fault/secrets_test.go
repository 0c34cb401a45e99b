//go:build linux && amd64

package fault

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// secrets are values that must not be seen anywhere.
var secrets = []string{"correct horse \"battery\" & staple", "9988776655443322", "first line of it\nsecond line of it"}

// key is a long one: output is cut in the middle of it, and base64 wraps it.
var key = longKey()

func longKey() string {
	rnd := rand.New(rand.NewPCG(7, 7))
	var b strings.Builder
	for b.Len() < 9000 {
		b.WriteByte(byte('A' + rnd.IntN(26)))
		b.WriteByte(byte('a' + rnd.IntN(26)))
		b.WriteByte(byte('0' + rnd.IntN(10)))
	}
	return b.String()
}

// secretive uses them wherever the language lets it.
const secretive = `
variable "phrase" {
  type      = string
  sensitive = true
}
variable "number" {
  type      = string
  sensitive = true
}
variable "lines" {
  type      = string
  sensitive = true
}
variable "key" {
  type      = string
  sensitive = true
}
file "DIR/plain" {
  content = "before\n${var.phrase}\nafter ${var.number}\n${var.lines}\n"
  mode    = "0600"
}
file "DIR/coded" {
  content_base64 = base64encode(var.phrase)
  mode           = "0600"
}
file "DIR/old" { content = "${var.phrase}" }
exec "shown" {
  command     = "echo \"$A\"; printf %s \"$A\" | base64 -w0; echo; cat; echo \"$B\" >&2; printf '%s' \"$A\" | sed 's/\"/\\\\\"/g'; echo; printf %s \"$A\" | sed 's/ /%20/g;s/\"/%22/g;s/&/%26/g'"
  environment = { A = var.phrase, B = var.lines }
  stdin       = var.number
  logoutput   = true
}
exec "fails" {
  command     = "echo $A; echo $B | base64 -w0; exit 3"
  environment = { A = var.phrase, B = var.number }
}
exec "cut" {
  command     = "printf %s \"$A\"; exit 3"
  environment = { A = var.key }
}
exec "wrapped" {
  command     = "printf %s \"$A\" | base64; printf %s \"$A\" | base64 >&2; exit 3"
  environment = { A = var.key }
}
exec "many" {
  command     = "for i in $(seq 2000); do printf %s \"$A\"; done; exit 3"
  environment = { A = var.number }
}
exec "logged" {
  command     = "for i in 1 2 3; do printf %s \"$A\"; done"
  environment = { A = var.key }
  logoutput   = true
}
exec "waits" {
  command     = "echo $$ > DIR/ready; read listed < DIR/listed; test -z \"$A\""
  environment = { A = var.phrase }
  timeout     = "1m"
}
`

// wrongs are manifests with a mistake at the secret's place: what tells of it must not quote it.
var wrongs = []string{
	`file "/tmp/x" { mode = var.phrase }`,
	`file "/tmp/x" { content = tonumber(var.phrase) }`,
	`file "/tmp/x" { ensure = var.phrase }`,
	`exec "x" { command = "true ${var.phrase}" }`,
	`file "/tmp/${var.phrase}" { content = "x" }`,
	`file "/tmp/x" { content = var.phrase[3] }`,
	`file "/tmp/x" { content = jsondecode(var.phrase) }`,
}

// pieceLength is how much of a value may be seen where output was cut.
const pieceLength = 12

// TestSecrets reads every byte that a run gives away, in all forms in which values travel.
func TestSecrets(t *testing.T) {
	dir := onTmpfs(t)
	values, err := json.Marshal(map[string]string{"phrase": secrets[0], "number": secrets[1], "lines": secrets[2], "key": key})
	if err != nil {
		t.Fatal(err)
	}
	varFile := filepath.Join(dir, "values.json")
	writeFile(t, varFile, string(values), 0o600)
	seen, searched := map[string]string{}, 0
	search := func(where, text string) {
		searched += len(text)
		for _, form := range forms() {
			if strings.Contains(text, form) {
				seen[where] = form
			}
		}
		for _, form := range []string{key, base64.StdEncoding.EncodeToString([]byte(key)), secrets[1]} {
			for at := 0; at+pieceLength <= len(form); at++ {
				if strings.Contains(text, form[at:at+pieceLength]) {
					seen[where+", a piece"] = form[at : at+pieceLength]
				}
			}
		}
	}
	variables, _, _ := strings.Cut(secretive, "file ")
	for i, wrong := range wrongs {
		for _, flag := range []string{"--json", "--color=never"} {
			end := applyText(t, dir, variables+wrong, "--var-file", varFile, flag)
			if end.code == 0 {
				t.Errorf("%s: exit code 0", wrong)
			}
			search(fmt.Sprintf("mistake %d %s", i, flag), end.output())
		}
	}
	text := strings.ReplaceAll(secretive, "DIR", dir)
	for _, flags := range [][]string{{"--noop"}, {"--noop", "--json"}, {"--json", "--log-level", "debug"}, {"--color", "always", "-v"}} {
		noop := slices.Contains(flags, "--noop")
		for _, name := range []string{"plain", "coded", "ready", "listed"} {
			_ = os.Remove(filepath.Join(dir, name))
		}
		writeFile(t, filepath.Join(dir, "old"), "before\n", 0o644)
		main := filepath.Join(dir, "main.hcl")
		writeFile(t, main, text, 0o644)
		args := append([]string{programs.apply, "--state-dir", filepath.Join(dir, "state"), main, "--var-file", varFile,
			"--report", filepath.Join(dir, "report.json"), "--report", filepath.Join(dir, "report.xml"), "--report", filepath.Join(dir, "report.html"), "--report", filepath.Join(dir, "report.prom")}, flags...)
		listing := func() string { return "" }
		if !noop {
			listing = listed(t, fifo(t, dir, "ready"), fifo(t, dir, "listed"))
		}
		end := runProgram(t, limit, args...)
		if want := map[bool]int{true: 0, false: 4}[noop]; end.code != want {
			t.Errorf("%q: exit code %d, want %d\n%s", args, end.code, want, end.output())
		}
		search(strings.Join(flags, " "), end.output())
		if list := listing(); noop || strings.Contains(list, "read listed") {
			search("process listing", list)
		} else {
			t.Errorf("%q: the command is not in the process listing:\n%s", args, list)
		}
	}
	for _, place := range []string{"state/journal", "state/runs", "state/lock", "report.json", "report.xml", "report.html", "report.prom"} {
		text := readAll(t, filepath.Join(dir, place))
		if text == "" && place != "state/lock" { // which is empty when nobody holds it
			t.Errorf("%s: nothing to search", place)
		}
		search(place, text)
	}
	for _, command := range [][]string{{"history"}, {"history", "--json"}} {
		search(strings.Join(command, " "), runProgram(t, limit, append([]string{programs.apply, "--state-dir", filepath.Join(dir, "state")}, command...)...).output())
	}
	for where, form := range seen {
		t.Errorf("%s shows %q", where, form)
	}
	leaks := len(seen)
	control := runProgram(t, limit, programs.control, "leak", dir, secrets[0])
	search("control", control.output())
	if seen["control"] == "" {
		t.Error("the harness did not see the secret of a control that prints it in base64")
	}
	record(t, "secrets in what a run gives away", fmt.Sprintf("%d in %d KiB searched for %d forms", leaks, searched>>10, len(forms())), "prints base64: red")
}

// forms are the secrets, and each line of them, in the codings in which they travel.
func forms() []string {
	var all []string
	for _, s := range secrets {
		for _, v := range append(strings.Split(s, "\n"), s) {
			quoted, _ := json.Marshal(v)
			all = append(all, v, base64.StdEncoding.EncodeToString([]byte(v)), strings.Trim(string(quoted), `"`), url.QueryEscape(v), url.PathEscape(v))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// listed lists the processes when a command says by one named pipe that it runs, and lets it end by the other. The function that it returns is called after
// the run.
func listed(t *testing.T, ready, done string) func() string {
	t.Helper()
	pipe := func(name string) *os.File {
		f, err := os.OpenFile(name, os.O_RDWR, 0) // who reads and writes at once waits for nobody
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	r, d := pipe(ready), pipe(done)
	list := make(chan string, 1)
	go func() {
		defer close(list)
		if _, err := r.Read(make([]byte, 32)); err == nil { // until the run has ended
			list <- processes()
			_, _ = d.WriteString("go\n")
		}
	}()
	return func() string {
		r.Close()
		defer d.Close()
		return <-list
	}
}

// processes lists what anybody can see of the processes.
func processes() string {
	names, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	var all strings.Builder
	for _, name := range names {
		b, _ := os.ReadFile(name)
		all.Write(append(b, '\n'))
	}
	return all.String()
}

// readAll returns the content of a file, or of all files in a folder; "" where there is none.
func readAll(t *testing.T, name string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(name, func(name string, d fs.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(name)
		all.Write(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}
