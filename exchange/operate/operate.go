// Package operate is what the operator of an exchange does from the command line: let nodes in and out, make tokens, and look
// at what stands in it, on every driver.
package operate

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/nodeapply/apply/exchange"
	"github.com/nodeapply/apply/exchange/connect"
	"github.com/nodeapply/apply/exchange/durable"
	"github.com/nodeapply/apply/exchange/etcd"
	"github.com/nodeapply/apply/exchange/name"
	"github.com/nodeapply/apply/exchange/pki"
	"github.com/nodeapply/apply/exchange/store"
	"github.com/nodeapply/apply/exchange/verdict"
)

// Enroll makes credentials for a node, by the authority beside an exchange's data, and writes them to a folder.
func Enroll(ctx context.Context, data, node, out string) error {
	a, err := pki.OpenAuthority(ctx, data, time.Now)
	if err != nil {
		return err
	}
	return a.Enroll(node, out)
}

// Revoke ends all certificates of a node; a server that runs sees it at once.
func Revoke(ctx context.Context, data, node string) error {
	a, err := pki.FindAuthority(ctx, data, time.Now)
	if err != nil {
		return err
	}
	return a.Revoke(ctx, node)
}

// Forget removes what a node that is gone has written in an embedded exchange, of which the authority is beside its data. Only the node itself may write there:
// a certificate of it is made in dir, which is the caller's to remove.
func Forget(ctx context.Context, data, url, deployment, node, dir string) error {
	a, err := pki.FindAuthority(ctx, data, time.Now)
	if err != nil {
		return err
	}
	if err := a.Enroll(node, dir); err != nil {
		return err
	}
	c, err := connect.Open(ctx, url, connect.Options{CredentialsDir: dir, Deployment: deployment})
	if err != nil {
		return err
	}
	err = c.Forget(ctx, node)
	if errors.Is(err, store.ErrDenied) {
		err = fmt.Errorf("%w (asked by the authority in %s: --data names where this exchange has its own)", err, data)
	}
	return errors.Join(err, c.Close())
}

// Token makes a bearer token for the HTTP face; it is known nowhere else.
func Token(ctx context.Context, data string) (string, error) {
	a, err := pki.OpenAuthority(ctx, data, time.Now)
	if err != nil {
		return "", err
	}
	return a.NewToken(ctx)
}

// EnrollEtcd makes a node known to an etcd cluster. With admin, opened as one of etcd's administrators, it makes the user and
// the role, and writes the password that it makes up to out (connect.LoginFile); without, it prints the commands to w.
func EnrollEtcd(ctx context.Context, w io.Writer, admin *connect.Connection, e etcd.Enrollment, out string) error {
	if admin == nil {
		commands, err := e.Commands()
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(w, strings.Join(commands, "\n"))
		return err
	}
	s, ok := admin.Store.(*etcd.Store)
	if !ok {
		return errors.New("enroll: not an etcd exchange")
	}
	if out != "" {
		var b [24]byte
		rand.Read(b[:]) // never fails
		e.Password = base64.RawURLEncoding.EncodeToString(b[:])
	}
	if err := s.Enroll(ctx, e); err != nil || out == "" {
		return err
	}
	if err := os.MkdirAll(out, 0o700); err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(out, connect.LoginFile), []byte(e.Node+":"+e.Password+"\n"), 0o600)
}

// Nodes prints the nodes of a deployment: as a table, or as JSON, an object a line.
func Nodes(ctx context.Context, w io.Writer, x *exchange.Exchange, asJSON bool) error {
	v, err := x.Snapshot(ctx)
	if err != nil {
		return err
	}
	if asJSON {
		for _, s := range verdict.Summaries(v) {
			if err := json.NewEncoder(w).Encode(s); err != nil {
				return err
			}
		}
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "NODE\tRUN\tGROUPS\tFACTS\tWAITS FOR")
	for _, s := range verdict.Summaries(v) {
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%s\n", s.Name, printable(runOf(s)), strings.Join(s.Groups, ","), len(s.Facts), printable(waitsOf(s)))
	}
	return t.Flush()
}

func runOf(s verdict.Summary) string {
	for _, what := range []string{s.Failed, s.Doing} {
		if what != "" {
			return s.State + ": " + what
		}
	}
	return s.State
}

func waitsOf(s verdict.Summary) string {
	var out []string
	for _, w := range s.Waits {
		if w.Active {
			out = append(out, w.Text)
		}
	}
	return strings.Join(out, "; ")
}

// Facts prints the facts of one node. A node that has written nothing is an error.
func Facts(ctx context.Context, w io.Writer, x *exchange.Exchange, node string, asJSON bool) error {
	if err := name.Node(node); err != nil {
		return err
	}
	v, err := x.Snapshot(ctx)
	if err != nil {
		return err
	}
	for _, s := range verdict.Summaries(v) {
		if s.Name != node {
			continue
		}
		if asJSON {
			return json.NewEncoder(w).Encode(s.Facts)
		}
		for _, f := range v.Facts(node) {
			if _, err := fmt.Fprintf(w, "%s = %s\n", f, factText(s.Facts[f])); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("node %s: %w", node, store.ErrNotFound)
}

func factText(f verdict.FactSummary) string {
	if f.Status == "ok" {
		return printable(string(f.Value))
	}
	text := "(" + f.Status
	if f.Reason != "" {
		text += ": " + printable(f.Reason)
	}
	return text + ")"
}

// Watch prints every change of a fact or a run, a line each, until the context ends; that is no error.
func Watch(ctx context.Context, w io.Writer, x *exchange.Exchange, asJSON bool) error {
	told := map[string]string{}
	for v, err := range x.Follow(ctx) {
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		for _, s := range verdict.Summaries(v) {
			if err := tell(w, told, s, asJSON); err != nil {
				return err
			}
		}
	}
	return nil
}

// tell prints what has changed of a node since it was told.
func tell(w io.Writer, told map[string]string, s verdict.Summary, asJSON bool) error {
	run := runOf(s)
	if waits := waitsOf(s); waits != "" {
		run += ", waits for " + waits
	}
	lines := map[string]string{s.Name: run}
	order := []string{s.Name}
	for _, f := range slices.Sorted(maps.Keys(s.Facts)) {
		key := s.Name + " " + f
		lines[key] = factText(s.Facts[f])
		order = append(order, key)
	}
	changed := false
	for _, key := range order {
		if told[key] == lines[key] {
			continue
		}
		told[key], changed = lines[key], true
		if !asJSON {
			sep := ": "
			if key != s.Name {
				sep = " = "
			}
			if _, err := fmt.Fprintln(w, key+sep+printable(lines[key])); err != nil {
				return err
			}
		}
	}
	if changed && asJSON {
		return json.NewEncoder(w).Encode(s)
	}
	return nil
}

// printable keeps what other nodes have written from steering the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' {
			return '\uFFFD'
		}
		return r
	}, s)
}
