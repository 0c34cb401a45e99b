package cron

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/cron/crontab"
)

// before is what an undo needs: the lines of the job, none if there was none.
type before struct {
	Name  string   `json:"name,omitempty"` // which need not be the title
	User  string   `json:"user"`
	Lines []string `json:"lines"`
	None  bool     `json:"none,omitempty"` // the user had no crontab at all
	// Taken is what the job is like that stood there by hand, without the name, and was taken over, or removed; All: with the further ones like it.
	Taken *crontab.Job `json:"taken,omitempty"`
	All   bool         `json:"all,omitempty"`
	// Place is where the first of the lines stands.
	Place *crontab.Place `json:"place,omitempty"`
}

// Before keeps the lines; none of a crontab that is edited as the file it is.
func (c *Cron) Before(ctx context.Context, v host.View, _ resources.Diff) (json.RawMessage, error) {
	t, err := c.read(ctx, v)
	if err != nil || t == nil || t.Orphan {
		return nil, err
	}
	b := before{Name: c.Name, User: c.User}
	is := c.find(t)
	if is != nil && !is.Named() {
		b.Taken, b.All = c.like(), c.Ensure == absent
	}
	if is != nil {
		b.Place = t.Place(is)
	}
	return b.lines(t, is)
}

// lines fills in those of a job that is there, nil for none, in a crontab, nil for none.
func (b before) lines(t *crontab.Table, is *crontab.Job) (json.RawMessage, error) {
	b.None = t == nil || !t.There()
	if is != nil {
		b.Lines = t.Bodies(is)
	}
	return json.Marshal(b)
}

// find reads the crontab, nil of a user who is not there, and the job of which b was kept. It makes c the resource that b was kept by.
func (b before) find(ctx context.Context, v host.View, c *Cron) (*crontab.Table, *crontab.Job, error) {
	c.Name, c.User = cmp.Or(b.Name, c.Name), b.User
	t, err := c.read(ctx, v)
	if err != nil || t == nil {
		return nil, nil, err
	}
	is := c.find(t)
	if is == nil && b.Taken != nil {
		is = t.Unnamed(b.Taken, b.All)
	}
	return t, is, nil
}

// Now reads those lines again.
func (c *Cron) Now(ctx context.Context, v host.View, raw json.RawMessage) (json.RawMessage, error) {
	b, err := resources.Recall[before](raw)
	if err != nil {
		return nil, err
	}
	c.Ensure = absent // the job, where the user is
	t, is, err := b.find(ctx, v, c)
	if err != nil {
		return nil, err
	}
	return before{Name: c.Name, User: c.User, Taken: b.Taken, All: b.All, Place: b.Place}.lines(t, is)
}

// Restore brings those lines back.
func (c *Cron) Restore(ctx context.Context, h host.Host, raw json.RawMessage) error {
	b, err := resources.Recall[before](raw)
	if err != nil {
		return err
	}
	t, is, err := b.find(ctx, h, c)
	if err != nil || t == nil {
		return err
	}
	if is == nil && b.Lines == nil || is != nil && slices.Equal(t.Bodies(is), b.Lines) {
		return nil
	}
	if is == nil {
		t.PutBack(b.Place, b.Lines)
	} else {
		t.Replace(is, b.Lines)
	}
	if b.None && t.Empty() {
		return t.Remove(ctx, h)
	}
	return t.Install(ctx, h)
}
