// Package shell makes the lines by which the login shells of nodes, whichever they are, run what they are to run.
package shell

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/nodeapply/apply/host"
)

// Mark is the variable by which the processes of a command are found when they are to be ended: sshd does not pass signals on to what root runs.
const Mark = "APPLY_FLEET_RUN"

// Full is a function of sh that ends a script, and says where it is so that no space is left in the folder $1: tar and others tell of a short write and not
// why. $2 is said before.
const Full = `full() { df -Pk "$1" | { read -r _; read -r _ _ _ free _; [ "$free" -ge 64 ] || echo "${2-}No space left on device" >&2; }; exit 1; }
`

// Line makes a shell's line of an argument vector. A single argument is such a line already.
func Line(argv []string) string {
	if len(argv) == 1 {
		return argv[0]
	}
	quoted := make([]string, len(argv))
	for i, a := range argv {
		quoted[i] = host.ShellWord(a)
	}
	return strings.Join(quoted, " ")
}

// encoded is a text as a word that every login shell reads the same, fish and csh too, and of which printf %b makes the text again.
func encoded(text string) string {
	return "'" + strings.NewReplacer(`\`, `\0134`, "'", `\0047`, "!", `\0041`, "\n", `\n`).Replace(text) + "'"
}

// Script is the line by which a login shell becomes a simple command of sh.
func Script(line string) string {
	return `exec sh -c 'eval "exec $(printf %b "$1")"' sh ` + encoded(line)
}

// Marked is the line by which a login shell runs a line whose processes have the mark id: by the user's shell, or as a script, which is a simple command of sh.
func Marked(line, id string, script bool) string {
	run := `exec "${SHELL:-/bin/sh}" -c "$(printf %b "$1")"`
	if script {
		run = "echo " + id + `; eval "exec $(printf %b "$1")"`
	}
	return "exec env " + Mark + "=" + id + " sh -c '" + run + "' sh " + encoded(line)
}

// FinishPatience bounds the wait for a command to be ended, beyond its grace.
const FinishPatience = 3 * time.Second

// finishLine ends every process with the mark $1, what outlives the command too: by SIGTERM, and where one is still there after $2 fifths of a second by SIGKILL.
// It does so without the seat, which may be gone by then.
const finishLine = `trap "" HUP PIPE
end() { for f in $(grep -ls "$2" /proc/[0-9]*/environ); do f=${f#/proc/}; kill "-$1" "${f%/environ}"; done 2>/dev/null; }
end TERM "$1"
n=$2
while [ "$n" -gt 0 ] && grep -qs "$1" /proc/[0-9]*/environ; do sleep 0.2 2>/dev/null || sleep 1; n=$((n - 1)); done
end KILL "$1"; :`

// Finishing is the line by which a login shell ends every process with a mark.
func Finishing(id string, grace time.Duration) string {
	return Script(Line([]string{"sh", "-c", finishLine, "end", Mark + "=" + id, strconv.Itoa(int(grace / (time.Second / 5)))}))
}

// MaxNoise bounds what a login shell may print before a script begins.
const MaxNoise = 64 << 10

// begun passes on what a script prints after the line that says that it has begun, and keeps what the login shell printed before.
type begun struct {
	io.Writer
	line  string // "" once it was seen
	noise []byte
}

// Write takes what comes.
func (b *begun) Write(p []byte) (int, error) {
	if b.line == "" {
		return b.Writer.Write(p)
	}
	if b.noise = append(b.noise, p...); len(b.noise) > MaxNoise {
		return 0, errors.New("the login shell there prints too much")
	}
	_, rest, ok := bytes.Cut(b.noise, []byte(b.line))
	if !ok {
		return len(p), nil
	}
	b.line, b.noise = "", nil
	_, err := b.Writer.Write(rest)
	return len(p), err
}

// Outputs are where the output of what was [Marked] goes, which may be nil, and what is to be done when it has ended: of a script that did not begin, what was
// printed in its place is told as its standard error is.
func Outputs(id string, script bool, stdout, stderr io.Writer) (out, messages io.Writer, end func()) {
	out, messages = io.Discard, io.Discard
	if stdout != nil {
		out = stdout
	}
	if stderr != nil {
		messages = stderr
	}
	if !script {
		return out, messages, func() {}
	}
	b := &begun{Writer: out, line: id + "\n"}
	return b, messages, func() { _, _ = messages.Write(b.noise) } // nobody waits for it any more
}
