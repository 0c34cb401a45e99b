// Package accounts looks up users and groups of a node: in its files, else in its name services.
package accounts

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nodeapply/apply/host"
)

// getentTimeout bounds one question to the node's name services.
const getentTimeout = 10 * time.Second

// answerHolds is how long an answer of theirs is taken for known: a node may be open for many runs.
const answerHolds = time.Minute

// Accounts holds /etc/passwd and /etc/group as they were when they were last seen to change, and what getent said. It may be used by any
// number of goroutines.
type Accounts struct {
	files  host.FileReader
	query  func(context.Context, host.Cmd) (host.Output, error)
	mu     sync.Mutex
	passwd database
	group  database
	asked  map[string]answer // "passwd bob" -> the entry
}

// answer is the fields of an entry, as they were when the name services gave it, or that they did not answer in time.
type answer struct {
	fields []string
	err    error
	when   time.Time
}

// New returns the Accounts in these files. Commands of the name services are run by query.
func New(files host.FileReader, query func(context.Context, host.Cmd) (host.Output, error)) *Accounts {
	return &Accounts{files: files, query: query, asked: map[string]answer{}}
}

// Owner names the user in an error, by the number where /etc/passwd does not know it.
func (a *Accounts) Owner(uid uint32) string {
	if u, ok := a.ByUID(uid); ok {
		return "owner " + u.Name
	}
	return fmt.Sprintf("owner %d", uid)
}

// database is one file of colon-separated entries.
type database struct {
	seen    host.Stat
	byName  map[string][]string
	byID    map[string][]string
	entries [][]string
}

// current reads the file again if it has changed.
func (d *database) current(files host.FileReader, name string, fields int) error {
	st, err := files.Lstat(name)
	if err != nil || st == d.seen && d.byName != nil {
		return err
	}
	next := database{seen: st, byName: map[string][]string{}, byID: map[string][]string{}}
	if st.Kind != host.Absent {
		f, err := files.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		if next.entries, err = entries(f, fields); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	for _, e := range slices.Backward(next.entries) { // the first of several counts
		next.byName[e[0]] = e
		next.byID[e[2]] = e
	}
	*d = next
	return nil
}

// entries reads the lines that have the number of fields or more, and numbers where they belong.
func entries(r io.Reader, fields int) ([][]string, error) {
	var all [][]string
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20) // groups with many members
	for lines.Scan() {
		e := strings.Split(lines.Text(), ":")
		if len(e) < fields || e[0] == "" || strings.HasPrefix(e[0], "#") {
			continue
		}
		if _, err := number(e[2]); err != nil {
			continue
		}
		all = append(all, e)
	}
	return all, lines.Err()
}

const passwdFields, groupFields = 7, 4

// LookupUser implements [host.View].
func (a *Accounts) LookupUser(ctx context.Context, nameOrID string) (host.User, error) {
	e, err := a.account(ctx, "passwd", nameOrID)
	if err != nil {
		return host.User{}, err
	}
	if e == nil {
		id, _ := number(nameOrID)
		return host.User{Name: nameOrID, UID: id, GID: id}, nil
	}
	return userOf(e), nil
}

// LookupGroup implements [host.View].
func (a *Accounts) LookupGroup(ctx context.Context, nameOrID string) (host.Group, error) {
	e, err := a.account(ctx, "group", nameOrID)
	if err != nil {
		return host.Group{}, err
	}
	if e == nil {
		id, _ := number(nameOrID)
		return host.Group{Name: nameOrID, GID: id}, nil
	}
	gid, _ := number(e[2])
	return host.Group{Name: e[0], GID: gid}, nil
}

// account returns the entry of a name or a number; nil for a number without one.
func (a *Accounts) account(ctx context.Context, kind, nameOrID string) ([]string, error) {
	_, notNumber := number(nameOrID)
	e, err := a.find(kind, nameOrID, notNumber == nil)
	if err != nil || e != nil || notNumber == nil {
		return e, err
	}
	if e, err = a.getent(ctx, kind, nameOrID); err != nil || e != nil {
		return e, err
	}
	word := "user"
	if kind == "group" {
		word = kind
	}
	return nil, fmt.Errorf("%s %q: %w", word, nameOrID, host.ErrUnknownAccount)
}

func (a *Accounts) find(kind, nameOrID string, isID bool) ([]string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	d, fields := &a.passwd, passwdFields
	if kind == "group" {
		d, fields = &a.group, groupFields
	}
	if err := d.current(a.files, "/etc/"+kind, fields); err != nil {
		return nil, err
	}
	if isID {
		return d.byID[nameOrID], nil
	}
	if e := d.byName[nameOrID]; e != nil {
		return e, nil
	}
	if known, ok := a.asked[kind+" "+nameOrID]; ok && time.Since(known.when) < answerHolds {
		return known.fields, known.err
	}
	return nil, nil
}

// getent asks the node's name services. An answer is remembered, and that none came, for all files of an owner would wait for one each; that there is no such
// account is not, for it may be made in this run.
func (a *Accounts) getent(run context.Context, kind, name string) ([]string, error) {
	if strings.HasPrefix(name, "-") || strings.ContainsAny(name, ":\n\x00") {
		return nil, nil
	}
	ctx, cancel := context.WithTimeoutCause(run, getentTimeout, fmt.Errorf("timed out after %s", getentTimeout))
	defer cancel()
	out, err := a.query(ctx, host.Cmd{Args: []string{"getent", kind, name}})
	if out.ExitCode == 127 || out.ExitCode == 126 {
		return nil, nil // a node without name services
	}
	if err != nil {
		if ctx.Err() != nil && run.Err() == nil {
			a.remember(kind, name, answer{err: err})
		}
		return nil, err
	}
	fields := passwdFields
	if kind == "group" {
		fields = groupFields
	}
	found, err := entries(strings.NewReader(string(out.Stdout)), fields)
	if err != nil || len(found) == 0 || out.ExitCode != 0 {
		return nil, err
	}
	a.remember(kind, name, answer{fields: found[0]})
	return found[0], nil
}

func (a *Accounts) remember(kind, name string, said answer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	said.when = time.Now()
	a.asked[kind+" "+name] = said
}

// ByUID returns the user of /etc/passwd with that id.
func (a *Accounts) ByUID(uid uint32) (host.User, bool) {
	e, err := a.find("passwd", strconv.FormatUint(uint64(uid), 10), true)
	if err != nil || e == nil {
		return host.User{}, false
	}
	return userOf(e), true
}

// Memberships returns the ids of all groups of the user: gid, and those that list the user. For a user that /etc/passwd does not know,
// id(1) asks the name services.
func (a *Accounts) Memberships(ctx context.Context, u host.User, gid uint32) ([]uint32, error) {
	if _, err := a.find("group", "0", true); err != nil {
		return nil, err
	}
	ids := []uint32{gid}
	add := func(s string) {
		if id, err := number(s); err == nil && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	a.mu.Lock()
	for _, e := range a.group.entries {
		if slices.Contains(strings.Split(e[3], ","), u.Name) {
			add(e[2])
		}
	}
	remote := a.asked["passwd "+u.Name].fields != nil
	a.mu.Unlock()
	if !remote {
		return ids, nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, getentTimeout, fmt.Errorf("timed out after %s", getentTimeout))
	defer cancel()
	out, err := a.query(ctx, host.Cmd{Args: []string{"id", "-G", "--", u.Name}})
	if err != nil {
		return nil, err
	}
	if out.ExitCode != 0 {
		return nil, errors.New(strings.TrimSpace(string(out.Stderr)))
	}
	for s := range strings.FieldsSeq(string(out.Stdout)) {
		add(s)
	}
	return ids, nil
}

func userOf(e []string) host.User {
	uid, _ := number(e[2])
	gid, _ := number(e[3])
	return host.User{Name: e[0], UID: uid, GID: gid, Home: e[5], Shell: e[6]}
}

// number reads an id. The largest number is none: chown(2) takes it for no change.
func number(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err == nil && n == math.MaxUint32 {
		err = strconv.ErrRange
	}
	return uint32(n), err
}
