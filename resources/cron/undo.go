package cron

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
)

// before is what an undo needs: the lines of the job, none if there was none.
type before struct {
	Name  string   `json:"name,omitempty"` // which need not be the title
	User  string   `json:"user"`
	Lines []string `json:"lines"`
	None  bool     `json:"none,omitempty"` // the user had no crontab at all
}

// Before keeps the lines.
func (c *Cron) Before(ctx context.Context, v host.View, _ resources.Diff) (json.RawMessage, error) {
	b := before{Name: c.Name, User: c.User}
	t, err := c.read(ctx, v)
	if err != nil {
		return nil, err
	}
	b.None = !t.There()
	if is := c.find(t); is != nil {
		b.Lines = t.Bodies(is)
	}
	return json.Marshal(b)
}

// Now reads those lines again.
func (c *Cron) Now(ctx context.Context, v host.View, raw json.RawMessage) (json.RawMessage, error) {
	var b before
	if err := json.Unmarshal(raw, &b); err != nil {
		return nil, fmt.Errorf("what was before: %w", err)
	}
	c.User = b.User
	if b.Name != "" {
		c.Name = b.Name
	}
	return c.Before(ctx, v, resources.Diff{})
}

// Restore brings those lines back.
func (c *Cron) Restore(ctx context.Context, h host.Host, raw json.RawMessage) error {
	var b before
	if err := json.Unmarshal(raw, &b); err != nil {
		return fmt.Errorf("what was before: %w", err)
	}
	c.User = b.User
	if b.Name != "" {
		c.Name = b.Name
	}
	t, err := c.read(ctx, h)
	if err != nil || t == nil {
		return err
	}
	is := c.find(t)
	if is == nil && b.Lines == nil || is != nil && slices.Equal(t.Bodies(is), b.Lines) {
		return nil
	}
	t.Replace(is, b.Lines)
	if b.None && t.Empty() {
		return t.Remove(ctx, h)
	}
	return t.Install(ctx, h)
}
