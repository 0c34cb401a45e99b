// Package authkey is the resource type authorized_key: a key that may log in as a user, a line of ~/.ssh/authorized_keys.
//
// The file lies in a folder of its user, so it is reached by descriptor and never through a link; see [host.FileReader]. Other lines keep their bytes.
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
	"github.com/nodeapply/apply/resources/internal/flags"
)

var (
	_ resources.Resource   = (*Key)(nil)
	_ resources.Validator  = (*Key)(nil)
	_ resources.Identified = (*Key)(nil)
	_ resources.Toucher    = (*Key)(nil)
	_ resources.Absentee   = (*Key)(nil)
	_ resources.Locker     = (*Key)(nil)
	_ resources.Lister     = (*Key)(nil)
)

// Type is authorized_key.
func Type() resources.Type {
	return resources.Type{Name: "authorized_key", New: func(title string) resources.Resource { return &Key{Name: title, Ensure: present} }}
}

// Key is a public key that may log in as a user over ssh: a line of the file .ssh/authorized_keys in the user's home folder. The line is found by the
// key; where the file does not have it, by the name, so that a new key replaces the old one of the same name. Further lines with the key are removed:
// with options of their own they would let in whom the declared ones keep out.
//
// Where they are missing, .ssh is made with mode 0700 and the file with 0600, both the user's own. The home folder must be there.
type Key struct {
	// What the key is called, the comment at the end of its line. Default: the title.
	Name string `hcl:"name,public"`
	// The user that the key logs in as.
	User string `hcl:"user,public"`
	// The key itself, base64, without type and comment.
	Key string `hcl:"key"`
	// The key's type, such as `ssh-ed25519`; `ed25519`, `rsa`, `dsa`, `ecdsa-sk` and `ed25519-sk` are short for it. Default: what the key says.
	Type string `hcl:"type"`
	// Options before the key, such as `no-pty` or `from="10.0.0.0/8"`, as one string or a list; `[]`: none, those that are there are taken away. Not set:
	// left as they are, with a new key of that name too, as most of them keep somebody out (Puppet takes them away); a new line has none.
	Options resources.Strings `hcl:"options"`
	// `present` (default) or `absent`: then the lines with that key, and those with that name, go.
	Ensure string `hcl:"ensure"`
}

const (
	present = "present"
	absent  = "absent"
)

// short are the types that may be written so.
var short = map[string]string{
	"rsa": ssh.KeyAlgoRSA, "dsa": "ssh-dss", "dss": "ssh-dss", "ed25519": ssh.KeyAlgoED25519, "ecdsa-sk": ssh.KeyAlgoSKECDSA256, "ed25519-sk": ssh.KeyAlgoSKED25519,
}

// Validate checks user, key, type and options.
func (k *Key) Validate() error {
	var bad resources.Mistakes
	bad.OneOf("ensure", k.Ensure, present, absent)
	if k.Name == "" || strings.TrimSpace(k.Name) != k.Name || strings.ContainsAny(k.Name, "\n\r\x00") {
		bad.Addf("name", "%q cannot be the comment of a key", k.Name)
	}
	if k.User == "" {
		bad.Addf("user", "must be set")
	} else if err := accounts.CheckReference(k.User); err != nil {
		bad.Add("user", err)
	}
	public, err := k.public()
	switch {
	case err != nil:
		bad.Add("key", err)
	case public == nil && k.Ensure == present:
		bad.Addf("key", "must be set")
	case public != nil && k.Type != "" && public.Type() != k.Type && public.Type() != short[k.Type]:
		bad.Addf("type", "%q, and the key says %s", k.Type, public.Type())
	}
	for _, o := range k.Options {
		if parsed, err := parse(o + " " + sample); err != nil || !slices.Equal(parsed.options, []string{o}) {
			bad.Addf("options", "%q is not one option of sshd(8); several are a list", o)
		}
	}
	return bad.Err()
}

// sample is a key with which an option is tried: that of the seed zero.
const sample = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"

// public is the declared key, nil if there is none.
func (k *Key) public() (ssh.PublicKey, error) {
	if k.Key == "" {
		return nil, nil
	}
	blob, err := base64.StdEncoding.DecodeString(k.Key)
	if err != nil || strings.ContainsAny(k.Key, "\r\n") {
		return nil, errors.New("want the key alone, base64, without type and comment")
	}
	public, err := ssh.ParsePublicKey(blob)
	if err != nil {
		return nil, errors.New("it is no public key of ssh")
	}
	return public, nil
}

// Provides is the name and the key, each for the user.
func (k *Key) Provides() []resources.Identity {
	ids := []resources.Identity{{Kind: "authorized_key", Name: k.User + " " + k.Name}}
	if k.Key != "" {
		ids = append(ids, resources.Identity{Kind: "authorized_key", Name: k.User + "\n" + k.Key})
	}
	if k.Ensure == absent {
		ids = append(ids, accounts.Belonging(k.User))
	}
	return ids
}

// Requires is the user, and the file where homes usually are. A key that is to go comes before a user that is to go.
func (k *Key) Requires() []resources.Identity {
	home := "/home/" + k.User
	if k.User == "root" {
		home = "/root"
	}
	file := resources.Identity{Kind: "path", Name: home + "/.ssh/authorized_keys", Nearest: true}
	if k.Ensure == absent {
		return []resources.Identity{file}
	}
	return []resources.Identity{{Kind: "user", Name: k.User}, file}
}

// Touches is the file, of which the key is a part.
func (k *Key) Touches() []resources.Touch {
	if k.Ensure == absent {
		return nil
	}
	return []resources.Touch{{Path: "~" + k.User + "/.ssh/authorized_keys", How: resources.Edits}}
}

// Absent says whether the key is to go.
func (k *Key) Absent() bool { return k.Ensure == absent }

// Locks keeps two keys of a user from editing the file at a time.
func (k *Key) Locks() []string { return []string{"authorized_keys of " + k.User} }

// wanted is the entry as declared; options that are not declared are taken from the one that is there.
func (k *Key) wanted(is *entry) (*entry, error) {
	key, err := k.public()
	w := &entry{key: key, comment: k.Name, options: k.Options}
	if is != nil && k.Options == nil {
		w.options = is.options
	}
	return w, err
}

// Check compares the line.
func (k *Key) Check(ctx context.Context, v host.View) (resources.Diff, error) {
	var d resources.Diff
	f, err := k.look(ctx, v)
	switch {
	case err != nil || f == nil:
		return d, err
	case k.Ensure == absent && len(f.entries) > 0:
		d.Compare("ensure", present, absent)
	case k.Ensure == absent:
	case len(f.entries) == 0:
		d.Compare("ensure", absent, present)
		return d, k.placeable(v, f)
	default:
		is := f.entries[0]
		w, err := k.wanted(is)
		if err != nil {
			return d, err
		}
		d.Compare("type", is.key.Type(), w.key.Type())
		keys := make([]string, len(f.entries))
		for i, e := range f.entries {
			keys[i] = ssh.FingerprintSHA256(e.key)
		}
		d.Compare("key", strings.Join(keys, ", "), ssh.FingerprintSHA256(w.key))
		d.Compare("name", is.comment, w.comment)
		d.Compare("options", strings.Join(is.options, ","), strings.Join(w.options, ","))
	}
	if d.Empty() {
		return d, nil
	}
	return d, f.Writable(v)
}

// placeable is an error where the key cannot be added to the file, nor that be made.
func (k *Key) placeable(v host.View, f *found) error {
	home, err := v.Lstat(f.user.Home)
	if err != nil {
		return err
	}
	if home.Kind != host.Directory && home.Kind != host.Symlink { // a link that the user may have planted has been refused
		return fmt.Errorf("%s, the home of user %s: does not exist", f.user.Home, k.User)
	}
	folder, err := v.Lstat(path.Dir(f.Name))
	switch {
	case err != nil:
		return err
	case folder.Kind == host.Absent:
		return flags.Change(v, host.OpMkdir, path.Dir(f.Name))
	}
	return f.Writable(v)
}

// Apply edits the file.
func (k *Key) Apply(ctx context.Context, h host.Host, _ resources.Diff) error {
	f, err := k.look(ctx, h) // under the lock: another key may have been written since the check
	if err != nil || f == nil {
		return err
	}
	uid, gid := f.user.UID, f.user.GID
	own := func(mode uint32) host.Meta { return host.Meta{Mode: &mode, UID: &uid, GID: &gid} }
	gone := f.entries
	if k.Ensure == present && len(gone) > 0 {
		w, err := k.wanted(gone[0])
		if err != nil {
			return err
		}
		f.Replace(gone[0].at, w.String())
		gone = gone[1:]
	}
	if k.Ensure == absent || len(f.entries) > 0 {
		f.Remove(func(i int, _ string) bool {
			return slices.ContainsFunc(gone, func(e *entry) bool { return e.at == i })
		})
		return f.Write(ctx, h, host.Meta{})
	}
	w, err := k.wanted(nil)
	if err != nil {
		return err
	}
	folder, err := h.Lstat(path.Dir(f.Name))
	if err == nil && folder.Kind == host.Absent {
		err = h.Mkdir(ctx, path.Dir(f.Name), own(0o700))
	}
	if err != nil {
		return err
	}
	f.Insert(len(f.Lines), w.String())
	return f.Write(ctx, h, own(0o600))
}
