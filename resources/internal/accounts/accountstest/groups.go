package accountstest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nodeapply/apply/host"
)

func (f *fake) members(group string, change func([]string) []string) error {
	return f.edit("group", group, func(e []string) []string {
		e[3] = strings.Join(change(strings.FieldsFunc(e[3], func(r rune) bool { return r == ',' })), ",")
		return e
	})
}

func (f *fake) groupadd(o options, name string, _ host.Cmd) error {
	if f.has("group", name) {
		return fmt.Errorf("group '%s' already exists", name)
	}
	gid, given := o["-g"]
	if !given {
		gid = f.next("group")
	}
	return f.write("group", append(f.read("group"), []string{name, "x", gid, ""}))
}

func (f *fake) groupmod(o options, name string, _ host.Cmd) error {
	return f.edit("group", name, func(e []string) []string { e[2] = o["-g"]; return e })
}

func (f *fake) groupdel(_ options, name string, _ host.Cmd) error {
	return f.edit("group", name, func([]string) []string { return nil })
}

func (f *fake) gpasswd(o options, group string, _ host.Cmd) error {
	if user, given := o["-a"]; given && !f.has("passwd", user) {
		return fmt.Errorf("user '%s' does not exist", user)
	}
	return f.members(group, func(m []string) []string {
		m = slices.DeleteFunc(m, func(s string) bool { return s == o["-d"] })
		if user, given := o["-a"]; given {
			m = append(m, user)
		}
		return m
	})
}
