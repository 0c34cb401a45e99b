package host

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// getentTimeout bounds one question to the node's name services.
const getentTimeout = 10 * time.Second

// accounts holds /etc/passwd and /etc/group as they were when they were last seen to change, and what getent said.
type accounts struct {
	mu     sync.Mutex
	passwd database
	group  database
	asked  map[string][]string // "passwd bob" -> the fields of the entry
}

// database is one file of colon-separated entries.
type database struct {
	seen    Stat
	byName  map[string][]string
	byID    map[string][]string
	entries [][]string
}

// current reads the file again if it has changed. Its errors do not name owners, which are looked up here.
func (d *database) current(l *Local, name string, fields int) error {
	st, err := l.lstat(name)
	if err != nil || st == d.seen && d.byName != nil {
		return err
	}
	next := database{seen: st, byName: map[string][]string{}, byID: map[string][]string{}}
	if st.Kind != Absent {
		f, err := l.open(name)
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

// LookupUser implements [View].
func (l *Local) LookupUser(ctx context.Context, nameOrID string) (User, error) {
	e, err := l.account(ctx, "passwd", nameOrID)
	if err != nil {
		return User{}, err
	}
	if e == nil {
		id, _ := number(nameOrID)
		return User{Name: nameOrID, UID: id, GID: id}, nil
	}
	return userOf(e), nil
}

// LookupGroup implements [View].
func (l *Local) LookupGroup(ctx context.Context, nameOrID string) (Group, error) {
	e, err := l.account(ctx, "group", nameOrID)
	if err != nil {
		return Group{}, err
	}
	if e == nil {
		id, _ := number(nameOrID)
		return Group{Name: nameOrID, GID: id}, nil
	}
	gid, _ := number(e[2])
	return Group{Name: e[0], GID: gid}, nil
}

// account returns the entry of a name or a number; nil for a number without one.
func (l *Local) account(ctx context.Context, kind, nameOrID string) ([]string, error) {
	_, notNumber := number(nameOrID)
	e, err := l.accounts.find(l, kind, nameOrID, notNumber == nil)
	if err != nil || e != nil || notNumber == nil {
		return e, err
	}
	if e, err = l.getent(ctx, kind, nameOrID); err != nil || e != nil {
		return e, err
	}
	word := "user"
	if kind == "group" {
		word = kind
	}
	return nil, fmt.Errorf("%s %q: %w", word, nameOrID, ErrUnknownAccount)
}

func (a *accounts) find(l *Local, kind, nameOrID string, isID bool) ([]string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	d, fields := &a.passwd, passwdFields
	if kind == "group" {
		d, fields = &a.group, groupFields
	}
	if err := d.current(l, "/etc/"+kind, fields); err != nil {
		return nil, err
	}
	if isID {
		return d.byID[nameOrID], nil
	}
	if e := d.byName[nameOrID]; e != nil {
		return e, nil
	}
	return a.asked[kind+" "+nameOrID], nil
}

// getent asks the node's name services; an answer is remembered, the lack of one is not, for the account may be made in this run.
func (l *Local) getent(ctx context.Context, kind, name string) ([]string, error) {
	if strings.HasPrefix(name, "-") || strings.ContainsAny(name, ":\n\x00") {
		return nil, nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, getentTimeout, fmt.Errorf("timed out after %s", getentTimeout))
	defer cancel()
	out, err := l.Query(ctx, Cmd{Args: []string{"getent", kind, name}})
	if out.ExitCode == 127 || out.ExitCode == 126 {
		return nil, nil // a node without name services
	}
	if err != nil {
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
	l.accounts.mu.Lock()
	defer l.accounts.mu.Unlock()
	if l.accounts.asked == nil {
		l.accounts.asked = map[string][]string{}
	}
	l.accounts.asked[kind+" "+name] = found[0]
	return found[0], nil
}

// byUID returns the user of /etc/passwd with that id.
func (a *accounts) byUID(l *Local, uid uint32) (User, bool) {
	e, err := a.find(l, "passwd", strconv.FormatUint(uint64(uid), 10), true)
	if err != nil || e == nil {
		return User{}, false
	}
	return userOf(e), true
}

// memberships returns the ids of all groups of the user: gid, and those that list the user. For a user that /etc/passwd does not know,
// id(1) asks the name services.
func (l *Local) memberships(ctx context.Context, u User, gid uint32) ([]uint32, error) {
	if _, err := l.accounts.find(l, "group", "0", true); err != nil {
		return nil, err
	}
	ids := []uint32{gid}
	add := func(s string) {
		if id, err := number(s); err == nil && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	l.accounts.mu.Lock()
	for _, e := range l.accounts.group.entries {
		if slices.Contains(strings.Split(e[3], ","), u.Name) {
			add(e[2])
		}
	}
	_, remote := l.accounts.asked["passwd "+u.Name]
	l.accounts.mu.Unlock()
	if !remote {
		return ids, nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, getentTimeout, fmt.Errorf("timed out after %s", getentTimeout))
	defer cancel()
	out, err := l.Query(ctx, Cmd{Args: []string{"id", "-G", "--", u.Name}})
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

func userOf(e []string) User {
	uid, _ := number(e[2])
	gid, _ := number(e[3])
	return User{Name: e[0], UID: uid, GID: gid, Home: e[5], Shell: e[6]}
}

func number(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	return uint32(n), err
}
