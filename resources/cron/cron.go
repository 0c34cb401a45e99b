// Package cron is the resource type of cron jobs: entries of users' crontabs.
//
// A job is a line with its time and command, the environment lines before it, and before these a comment that carries its name. All other
// lines keep their bytes. The crontab is read from its spool file; crontab(1) installs the new one, so that the node's cron checks and loads it.
package cron

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/cron/crontab"
	"github.com/nodeapply/apply/resources/internal/accounts"
)

var (
	_ resources.Resource   = (*Cron)(nil)
	_ resources.Validator  = (*Cron)(nil)
	_ resources.Identified = (*Cron)(nil)
	_ resources.Toucher    = (*Cron)(nil)
	_ resources.Absentee   = (*Cron)(nil)
	_ resources.Locker     = (*Cron)(nil)
	_ resources.Restorer   = (*Cron)(nil)
	_ resources.Lister     = (*Cron)(nil)
)

// Type is cron.
func Type() resources.Type {
	return resources.Type{
		Name: "cron",
		New:  func(title string) resources.Resource { return &Cron{Name: title, User: "root", Ensure: present} },
	}
}

// Cron is a job in the crontab of a user. The comment `# apply: NAME` before it tells it from others; `# Puppet Name: NAME` and `#Ansible: NAME`
// do too, so that their jobs are taken over. A job that stands there by hand, with the command and the time as far as one is declared, is taken over
// and gets the comment; where the job is to be absent, it goes.
//
// A part of the time that is not set is `*` in a new entry and left as it is in one that is there.
type Cron struct {
	// What the job is called. Default: the title.
	Name string `hcl:"name,title,public"`
	// What is run: one line, handed to the shell by cron, to which a `%` is a line end unless it has a backslash before it.
	Command string `hcl:"command"`
	// Whose crontab it is. Default: `root`.
	User string `hcl:"user,public"`
	// Minutes, 0 to 59: a number, `*`, a range `a-b`, a step `*/n`, or a list of these.
	Minute Times `hcl:"minute"`
	// Hours, 0 to 23.
	Hour Times `hcl:"hour"`
	// Days of the month, 1 to 31.
	MonthDay Times `hcl:"monthday"`
	// Months, 1 to 12, or by their names.
	Month Times `hcl:"month"`
	// Days of the week, 0 to 7 where 0 and 7 are Sunday, or by their names.
	Weekday Times `hcl:"weekday"`
	// `reboot`, `hourly`, `daily`, `midnight`, `weekly`, `monthly`, `yearly` or `annually` in place of a time; `absent`: a time.
	Special string `hcl:"special"`
	// Variables for the job, `NAME=value` or a list of these, or a map. Cron gives them to the jobs that follow in the crontab as well. Not set: left as they are.
	Environment Environment `hcl:"environment"`
	// `present` (default) or `absent`.
	Ensure string `hcl:"ensure"`
}

const (
	present = "present"
	absent  = "absent"
)

var specials = []string{"reboot", "hourly", "daily", "midnight", "weekly", "monthly", "yearly", "annually"}

// Validate checks names, times and what a crontab can hold.
func (c *Cron) Validate() error {
	var bad resources.Mistakes
	if strings.TrimSpace(c.Name) != c.Name || c.Name == "" || strings.ContainsAny(c.Name, "\n\r\x00") {
		bad.Addf("name", "%q cannot be the name of a job", c.Name)
	}
	bad.Add("user", accounts.CheckReference(c.User))
	bad.OneOf("ensure", c.Ensure, present, absent)
	switch {
	case c.Ensure == present && strings.TrimSpace(c.Command) == "":
		bad.Addf("command", "must be set")
	case strings.ContainsAny(c.Command, "\n\r\x00"):
		bad.Addf("command", "it must be one line")
	}
	set := false
	for i, t := range c.times() {
		p := crontab.Part(i)
		_, err := t.canonical(p)
		bad.Add(p.String(), err)
		set = set || *t != "" && *t != absent && *t != "*"
	}
	if c.Special != "" && c.Special != absent {
		bad.OneOf("special", c.Special, specials...)
		if set {
			bad.Addf("special", "it stands in place of a time, and one is set")
		}
	}
	return bad.Err()
}

// times are the parts of the time in the order of a crontab's line, which is that of [crontab.Part].
func (c *Cron) times() []*Times {
	return []*Times{&c.Minute, &c.Hour, &c.MonthDay, &c.Month, &c.Weekday}
}

// Provides is the name in the user's crontab.
func (c *Cron) Provides() []resources.Identity {
	ids := []resources.Identity{{Kind: "cron", Name: c.User + " " + c.Name}}
	if c.Ensure == absent {
		ids = append(ids, accounts.Belonging(c.User))
	}
	return ids
}

// Requires is the user. A job that is to go comes before a user that is to go.
func (c *Cron) Requires() []resources.Identity {
	if c.Ensure == absent {
		return nil
	}
	return []resources.Identity{{Kind: "user", Name: c.User}}
}

// Touches is the user's crontab, of which the job is a part, wherever the node has it.
func (c *Cron) Touches() []resources.Touch {
	if c.Ensure == absent {
		return nil
	}
	var ts []resources.Touch
	for _, name := range crontab.Files(c.User) {
		ts = append(ts, resources.Touch{Path: name, How: resources.Edits})
	}
	return ts
}

// Absent says whether the job is to go.
func (c *Cron) Absent() bool { return c.Ensure == absent }

// Locks keeps two jobs from editing a crontab at a time.
func (c *Cron) Locks() []string { return []string{"crontab of " + c.User} }

// wanted is the job as declared; what is not declared is taken from the one that is there.
func (c *Cron) wanted(is *crontab.Job) *crontab.Job {
	w := &crontab.Job{}
	if is != nil {
		*w = *is
	}
	w.Command = strings.TrimSpace(c.Command)
	if c.Environment != nil {
		w.Env = c.Environment
	}
	timed := c.Special == absent
	for _, t := range c.times() {
		timed = timed || *t != "" && *t != absent
	}
	switch {
	case c.Special != "" && c.Special != absent:
		w.Special = c.Special
	case timed:
		w.Special = ""
	}
	if w.Special != "" {
		w.Time = [crontab.NumParts]string{}
		return w
	}
	for i, t := range c.times() {
		p := crontab.Part(i)
		switch v, _ := t.canonical(p); {
		case *t == "" && w.Time[i] == "":
			w.Time[i] = "*"
		case *t != "" && v != p.Normal(w.Time[i]):
			w.Time[i] = v
		}
	}
	return w
}

// read reads the user's crontab; nil if the job is to be absent, and neither the user nor a crontab that outlived it is there.
func (c *Cron) read(ctx context.Context, v host.View) (*crontab.Table, error) {
	_, err := v.LookupUser(ctx, c.User)
	gone := c.Ensure == absent && errors.Is(err, host.ErrUnknownAccount)
	if err != nil && !gone {
		return nil, &resources.AttrError{Attr: "user", Err: err}
	}
	t, err := crontab.Read(v, c.User)
	if err != nil || !gone {
		return t, err
	}
	if !t.There() {
		return nil, nil
	}
	t.Orphan = true
	return t, nil
}

// find returns the job of that name, or one without a name that is like it; nil if there is none. A job that is to be absent is all of these.
func (c *Cron) find(t *crontab.Table) *crontab.Job {
	if j := t.Find(c.Name); j != nil || c.Command == "" {
		return j
	}
	return t.Unnamed(c.like(), c.Ensure == absent)
}

// like is what a job without a name has to be to be taken for this one: the command, at the time as far as one is declared.
func (c *Cron) like() *crontab.Job {
	if c.Special == absent {
		return c.wanted(nil) // a time, though none need be set
	}
	j := &crontab.Job{Command: strings.TrimSpace(c.Command), Special: c.Special}
	for i, part := range c.times() {
		j.Time[i], _ = part.canonical(crontab.Part(i))
	}
	return j
}

// Check compares the job.
func (c *Cron) Check(ctx context.Context, v host.View) (resources.Diff, error) {
	var d resources.Diff
	t, err := c.read(ctx, v)
	if err != nil || t == nil {
		return d, err
	}
	is := c.find(t)
	switch {
	case is == nil && c.Ensure == present:
		d.Compare("ensure", absent, present)
	case is == nil:
	case c.Ensure == absent:
		d.Compare("ensure", present, absent)
	default:
		w := c.wanted(is)
		if !is.Complete() || !is.Named() {
			d.Compare("ensure", "incomplete", present)
		} else if n := is.Times(); n > 1 {
			d.Compare("ensure", fmt.Sprintf("present %d times", n), present)
		}
		d.Compare("command", is.Command, w.Command)
		for p := range crontab.NumParts {
			d.Compare(p.String(), p.Normal(is.Time[p]), p.Normal(w.Time[p]))
		}
		d.Compare("special", word(is.Special), word(w.Special))
		d.Compare("environment", strings.Join(is.Env, "\n"), strings.Join(w.Env, "\n"))
	}
	if d.Empty() {
		return d, nil
	}
	return d, t.Installable(v)
}

func word(special string) string {
	if special == "" {
		return absent
	}
	return special
}

// Apply edits the crontab and installs it.
func (c *Cron) Apply(ctx context.Context, h host.Host, _ resources.Diff) error {
	t, err := c.read(ctx, h) // under the lock: another job may have been written since the check
	if err != nil || t == nil {
		return err
	}
	is := c.find(t)
	if c.Ensure == absent {
		t.Replace(is, nil)
	} else {
		t.Replace(is, c.wanted(is).Lines(c.Name))
	}
	return t.Install(ctx, h)
}

// Inspect fills the attributes from the job of that name in the user's crontab, where a title "USER/NAME" says which user.
func (c *Cron) Inspect(ctx context.Context, v host.View) error {
	t, err := c.read(ctx, v)
	if err != nil {
		return err
	}
	is := c.find(t)
	if user, name, ok := strings.Cut(c.Name, "/"); is == nil && ok {
		if _, err := v.LookupUser(ctx, user); err == nil {
			c.User, c.Name = user, name
			if t, err = c.read(ctx, v); err != nil {
				return err
			}
			is = c.find(t)
		}
	}
	if is == nil {
		c.Ensure = absent
		return nil
	}
	if !is.Complete() {
		return fmt.Errorf("%s: its comment is there and the job is not: there is no such state to declare", c.Name)
	}
	if n := is.Times(); n > 1 {
		return fmt.Errorf("%s: it is there %d times: there is no such state to declare", c.Name, n)
	}
	c.Ensure, c.Command, c.Special = present, is.Command, is.Special
	for i, t := range c.times() {
		if is.Special == "" {
			*t = Times(is.Time[i])
		}
	}
	if len(is.Env) > 0 {
		c.Environment = is.Env
	}
	return nil
}

// List returns "USER/NAME" of the jobs with a name, in the crontabs of users that match.
func (c *Cron) List(ctx context.Context, v host.View, of string) ([]string, error) {
	users, err := accounts.Users(v)
	if err != nil {
		return nil, err
	}
	var titles []string
	for _, u := range users {
		if !resources.Matches(of, u.Name) {
			continue
		}
		t, err := (&Cron{User: u.Name}).read(ctx, v)
		if err != nil {
			return nil, err
		}
		for _, name := range t.Names() {
			titles = append(titles, u.Name+"/"+name)
		}
	}
	return titles, nil
}
