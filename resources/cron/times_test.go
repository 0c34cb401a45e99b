package cron

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/resourcetest"
)

func TestValidate(t *testing.T) {
	for _, tc := range []struct {
		name string
		edit func(*Cron)
		want string
	}{
		{"name", func(c *Cron) { c.Name = "a\n* * * * * b" }, "name: "},
		{"no command", func(c *Cron) { c.Command = " " }, "command: must be set"},
		{"two commands", func(c *Cron) { c.Command = "a\n* * * * * b" }, "command: it must be one line"},
		{"user", func(c *Cron) { c.User = "../bob" }, "user: "},
		{"number of a user", func(c *Cron) { c.User = "0" }, `user: "0" is a number`},
		{"ensure", func(c *Cron) { c.Ensure = "here" }, "ensure: "},
		{"minute", func(c *Cron) { c.Minute = "60" }, `minute: "60": want 0 to 59, got "60"`},
		{"negative", func(c *Cron) { c.Minute = "-1" }, `minute: "-1": want 0 to 59, got "-1"`},
		{"sign", func(c *Cron) { c.Minute = "+1" }, "minute: "},
		{"blank", func(c *Cron) { c.Minute = "1 2" }, "minute: "},
		{"hour", func(c *Cron) { c.Hour = "24" }, "hour: "},
		{"monthday", func(c *Cron) { c.MonthDay = "0" }, "monthday: "},
		{"month", func(c *Cron) { c.Month = "foo" }, "month: "},
		{"weekday", func(c *Cron) { c.Weekday = "8" }, "weekday: "},
		{"step", func(c *Cron) { c.Minute = "*/0" }, `minute: "*/0": "0" is no step`},
		{"step of one number", func(c *Cron) { c.Minute = "5/2" }, `minute: "5/2": "5/2": a step is of * or of a range: 5-59/2`},
		{"long step", func(c *Cron) { c.Minute = "*/60" }, `"60" is no step`},
		{"range", func(c *Cron) { c.Hour = "8-4" }, "ends before it begins"},
		{"empty element", func(c *Cron) { c.Hour = "1,,2" }, "hour: "},
		{"special", func(c *Cron) { c.Special = "often" }, `, not "often"`},
		{"special and time", func(c *Cron) { c.Special, c.Minute = "daily", "5" }, "special: it stands in place of a time"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			resourcetest.Invalid(t, declare(tc.edit), tc.want)
		})
	}
}

// What says every minute, or no time at all, is none that a special one stands in place of.
func TestSpecialBesideNoTime(t *testing.T) {
	c := declare(func(c *Cron) { c.Special, c.Minute, c.Hour, c.Weekday = "daily", "*", absent, "" })
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
}

func TestAttributes(t *testing.T) {
	for _, tc := range []struct {
		name string
		into resources.AttrUnmarshaler
		in   any
		want string
	}{
		{"number", new(Times), 5.0, "5"},
		{"list", new(Times), []any{0.0, "30"}, "0,30"},
		{"no list", new(Times), []any{}, "error"},
		{"one variable", new(Environment), "A=b", "[A=b]"},
		{"variables", new(Environment), []any{"A=b", "C = d"}, "[A=b C=d]"},
		{"map", new(Environment), map[string]any{"B": 1.0, "A": "x y"}, "[A=x y B=1]"},
		{"empty variable", new(Environment), map[string]any{"MAILTO": ""}, `[MAILTO=""]`},
		{"no variable", new(Environment), "A", "error"},
		{"two lines", new(Environment), "A=b\n* * * * * c", "error"},
		{"carriage return", new(Environment), "A=b\rc", "error"},
		{"NUL", new(Environment), "A=b\x00c", "error"},
		{"bad name", new(Environment), map[string]any{"A B": "x"}, "error"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := "error"
			if err := tc.into.UnmarshalAttr(tc.in); err == nil {
				switch v := tc.into.(type) {
				case *Times:
					got = string(*v)
				case *Environment:
					got = fmt.Sprint(*v)
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
