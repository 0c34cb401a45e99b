package repo

import (
	"context"
	"net/url"
	"path"
	"strings"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources/repo/preferences"
	"github.com/nodeapply/apply/resources/repo/repofile"
)

const pinFolder = "/etc/apt/preferences.d"

func (r *Repo) pinFile() string { return path.Join(pinFolder, r.Name+".pref") }

// pins are the rule that is there and the rule that is declared, as one line; "absent" for none. They are equal where none is managed.
func (r *Repo) pins(v host.View, e *repofile.Entry) (from, to string, err error) {
	if r.Pin == nil && r.Ensure == present {
		return "", "", nil
	}
	text, err := host.ReadFile(v, r.pinFile())
	if err != nil {
		return "", "", err
	}
	from, to = preferences.Line(text), absent
	if r.Ensure == present && r.Pin.Priority != preferences.Absent {
		to = r.Pin.Line(r.origin(e))
	}
	return from, to, nil
}

// origin is the host of the first URI: what apt calls the origin of a repository; "" for local files.
func (r *Repo) origin(e *repofile.Entry) string {
	uris := append(append([]string{}, r.Uris...), r.Baseurl...)
	if len(uris) == 0 {
		have, _ := e.Get("uris")
		uris = strings.Fields(have)
	}
	if len(uris) == 0 {
		return ""
	}
	u, err := url.Parse(uris[0])
	if err != nil {
		return ""
	}
	return u.Hostname()
}

func (r *Repo) applyPin(ctx context.Context, h host.Host, e *repofile.Entry) error {
	if r.Ensure == absent || r.Pin.Priority == preferences.Absent {
		return h.Remove(ctx, r.pinFile(), false)
	}
	text, err := host.ReadFile(h, r.pinFile())
	if err != nil {
		return err
	}
	if err := host.MakeFolders(ctx, h, pinFolder); err != nil {
		return err
	}
	return writeFile(ctx, h, r.pinFile(), r.Pin.Edit(text, r.origin(e)), nil)
}
