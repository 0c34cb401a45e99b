package authkey

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/internal/accounts"
	"github.com/nodeapply/apply/resources/internal/text"
)

// entry is one line of the file that holds a key.
type entry struct {
	at      int // index of the line
	key     ssh.PublicKey
	comment string
	options []string
}

func parse(line string) (*entry, error) {
	key, comment, options, _, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil {
		return nil, err
	}
	return &entry{key: key, comment: comment, options: options}, nil
}

// String is the line of the entry.
func (e *entry) String() string {
	s := strings.TrimSuffix(string(ssh.MarshalAuthorizedKey(e.key)), "\n")
	if len(e.options) > 0 {
		s = strings.Join(e.options, ",") + " " + s
	}
	if e.comment != "" {
		s += " " + e.comment
	}
	return s
}

func (e *entry) has(key ssh.PublicKey) bool {
	return key != nil && string(e.key.Marshal()) == string(key.Marshal())
}

// found is the user's file and what of it is this resource's.
type found struct {
	*text.File
	user    host.User
	entries []*entry // with present, the one that is to stay comes first
}

// look returns nil for a user that is not there.
func (k *Key) look(ctx context.Context, v host.View) (*found, error) {
	user, err := v.LookupUser(ctx, k.User)
	if errors.Is(err, host.ErrUnknownAccount) && k.Ensure == absent {
		return nil, nil
	}
	if err != nil {
		return nil, &resources.AttrError{Attr: "user", Err: err}
	}
	f := &found{user: user}
	if f.File, err = read(v, user); err != nil {
		return nil, err
	}
	wanted, err := k.public()
	if err != nil {
		return nil, err
	}
	var byName []*entry
	for _, e := range entries(f.File) {
		switch {
		case e.has(wanted):
			f.entries = append(f.entries, e)
		case e.comment == k.Name:
			byName = append(byName, e)
		}
	}
	switch {
	case k.Ensure == absent:
		f.entries = append(f.entries, byName...)
	case len(f.entries) == 0 && len(byName) > 0:
		f.entries = byName[:1]
	}
	return f, nil
}

// read reads the user's file. Nothing of it is followed: the user may have planted a link to a file that it must not see.
func read(v host.View, user host.User) (*text.File, error) {
	if !path.IsAbs(user.Home) {
		return nil, fmt.Errorf("user %s has no home folder (%q)", user.Name, user.Home)
	}
	f := &text.File{Name: path.Join(user.Home, ".ssh/authorized_keys")}
	st, err := v.Lstat(f.Name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name, err)
	}
	switch st.Kind {
	case host.Absent:
		return f, nil
	case host.Regular:
		return text.ReadHere(v, f.Name)
	}
	return nil, fmt.Errorf("%s is a %s, not a file", f.Name, st.Kind)
}

// entries are the keys of the file.
func entries(f *text.File) []*entry {
	var all []*entry
	for i, line := range f.Lines {
		body := strings.TrimSpace(text.Body(line))
		if body == "" || strings.HasPrefix(body, "#") {
			continue
		}
		if e, err := parse(body); err == nil {
			e.at = i
			all = append(all, e)
		}
	}
	return all
}

// Inspect fills the attributes from the line of that name, looked for in the files of all users of /etc/passwd if no user is set. A title
// "USER/NAME" says which user.
func (k *Key) Inspect(ctx context.Context, v host.View) error {
	users, err := accounts.Users(v)
	if err != nil {
		return err
	}
	for _, u := range users {
		if k.User != "" && k.User != u.Name {
			continue
		}
		f, err := read(v, host.User{Name: u.Name, Home: u.Home})
		if err != nil {
			continue // a user without a home folder, or with something else there, has no keys
		}
		for _, e := range entries(f) {
			if name := strings.TrimPrefix(k.Name, u.Name+"/"); e.comment != "" && e.comment == name {
				k.Name, k.User, k.Ensure, k.Type, k.Options = name, u.Name, present, e.key.Type(), e.options
				k.Key = base64.StdEncoding.EncodeToString(e.key.Marshal())
				return nil
			}
		}
	}
	if k.User == "" {
		return fmt.Errorf("%s: no user of /etc/passwd has a key of that name", k.Name)
	}
	k.Ensure = absent
	return ctx.Err()
}

// List returns "USER/NAME" of the keys that have a name, of users that match.
func (k *Key) List(_ context.Context, v host.View, of string) ([]string, error) {
	users, err := accounts.Users(v)
	var titles []string
	for _, u := range users {
		if !resources.Matches(of, u.Name) {
			continue
		}
		f, err := read(v, host.User{Name: u.Name, Home: u.Home})
		if err != nil {
			continue // as in Inspect
		}
		for _, e := range entries(f) {
			if title := u.Name + "/" + e.comment; e.comment != "" && !slices.Contains(titles, title) {
				titles = append(titles, title)
			}
		}
	}
	return titles, err
}
