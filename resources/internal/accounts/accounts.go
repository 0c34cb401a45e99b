// Package accounts reads the node's own users and groups from /etc/passwd, /etc/group and /etc/shadow, without a process, and says what is to be
// done about who is in which group.
package accounts

import (
	"context"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/internal/tool"
)

const (
	passwd = "/etc/passwd"
	group  = "/etc/group"
	shadow = "/etc/shadow"
)

// Lock is the lock of whoever changes users or groups: the programs that do so lock each other out, and give up after a while.
const Lock = passwd

// Leaver is who a group that is to go comes after: every user that is to go may have it as its own.
func Leaver() resources.Identity { return resources.Identity{Kind: "user that goes", Shared: true} }

// Belonging is what a user that is to go comes after: what of it has to go while the user is still known.
func Belonging(user string) resources.Identity {
	return resources.Identity{Kind: "of the user", Name: user, Shared: true}
}

// UserWithNumber is the user that has a number: two cannot have the same.
func UserWithNumber(uid uint32) resources.Identity {
	return resources.Identity{Kind: "uid", Name: Number(uid)}
}

// GroupWithNumber is the group that has a number, "0100" too, for those that name it by that. Two cannot have the same.
func GroupWithNumber(gid string) resources.Identity {
	if n, err := strconv.ParseUint(gid, 10, 32); err == nil {
		gid = Number(uint32(n))
	}
	return resources.Identity{Kind: "gid", Name: gid}
}

// Programs is an error where the node has no useradd(8): the others come with it. What BusyBox has in its place can change nothing of an account.
func Programs(v host.FileReader) error {
	if there, err := tool.There(v, "useradd"); there || err != nil {
		return err
	}
	return errors.New("this node has no useradd and its like, which change users and groups; the package shadow (Alpine, Arch, SUSE), shadow-utils (Red Hat) or passwd (Debian) brings them")
}

// User is an entry of /etc/passwd.
type User struct {
	Name     string
	UID, GID uint32
	Comment  string
	Home     string
	Shell    string
}

// Group is an entry of /etc/group.
type Group struct {
	Name    string
	GID     uint32
	Members []string
}

const maxName = 32 // bytes, of useradd(8) and groupadd(8)

var nameGrammar = regexp.MustCompile(`^[A-Za-z0-9_.][A-Za-z0-9_.-]*\$?$`)

// CheckName says whether name can be that of a user or a group.
func CheckName(name string) error {
	switch _, err := strconv.ParseUint(name, 10, 64); {
	case !nameGrammar.MatchString(name) || strings.Trim(name, ".") == "":
		return fmt.Errorf("%q is no name of an account: want letters, digits, `_`, `.` and `-`", name)
	case len(name) > maxName:
		return fmt.Errorf("%q is longer than %d characters", name, maxName)
	case err == nil:
		return fmt.Errorf("%q is a number, which cannot be told from an id", name)
	}
	return nil
}

// CheckReference says whether name can be that of an account of any kind: name services have names that the node itself could not make. The number
// of an account is no name: the programs that change accounts want names.
func CheckReference(name string) error {
	switch _, err := strconv.ParseUint(name, 10, 64); {
	case name == "" || strings.HasPrefix(name, "-") || strings.ContainsAny(name, ":,/\n\r\t\x00"):
		return fmt.Errorf("%q is no name of an account", name)
	case err == nil:
		return fmt.Errorf("%q is a number: want the name of the account", name)
	}
	return nil
}

// CheckOwner says whether s, where it is not empty, can be an account, by its name or its number.
func CheckOwner(s string) error {
	if s == "" || IsNumber(s) {
		return CheckID(s)
	}
	return CheckReference(s)
}

// Number writes the number of an account.
func Number(id uint32) string { return strconv.FormatUint(uint64(id), 10) }

// IsNumber says whether a text has the form of one.
func IsNumber(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// CheckID says whether a number, where s is one, can be that of an account: to chown(2) the largest means that nothing is to change.
func CheckID(s string) error {
	if !IsNumber(s) {
		return nil
	}
	if id, err := strconv.ParseUint(s, 10, 32); err != nil || id == math.MaxUint32 {
		return fmt.Errorf("%s is no number of an account: the largest is %d", s, uint32(math.MaxUint32-1))
	}
	return nil
}

// entries are those of a file, see parse.
func entries(v host.FileReader, file string, fields int) ([][]string, error) {
	content, err := host.ReadFile(v, file)
	return parse(content, fields), err
}

// entriesWith are those of a file whose lines have part in them, see parse.
func entriesWith(v host.FileReader, file string, fields int, part string) ([][]string, error) {
	content, err := host.ReadFile(v, file)
	return parse(linesWith(content, part), fields), err
}

// linesWith leaves out the lines that part is not in: each resource looks for its own among all accounts, and thousands are not to be read for one.
func linesWith(content, part string) string {
	var lines strings.Builder
	for content != "" {
		at := strings.Index(content, part)
		if at < 0 {
			break
		}
		start, end := strings.LastIndexByte(content[:at], '\n')+1, len(content)
		if n := strings.IndexByte(content[at:], '\n'); n >= 0 {
			end = at + n + 1
		}
		lines.WriteString(content[start:end])
		content = content[end:]
	}
	return lines.String()
}

// parse cuts the lines at their colons that have that number of fields or more. Comments, and what NIS adds and takes away, are none.
func parse(content string, fields int) [][]string {
	var all [][]string
	for line := range strings.Lines(content) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), ":")
		if len(f) >= fields && f[0] != "" && !strings.ContainsAny(f[0][:1], "#+-") {
			all = append(all, f)
		}
	}
	return all
}

// Users returns all entries of /etc/passwd in their order.
func Users(v host.FileReader) ([]User, error) {
	all, err := entries(v, passwd, 7)
	users := make([]User, 0, len(all))
	for _, f := range all {
		if u, ok := userOf(f); ok {
			users = append(users, u)
		}
	}
	return users, err
}

func userOf(f []string) (User, bool) {
	uid, err1 := strconv.ParseUint(f[2], 10, 32)
	gid, err2 := strconv.ParseUint(f[3], 10, 32)
	return User{Name: f[0], UID: uint32(uid), GID: uint32(gid), Comment: f[4], Home: f[5], Shell: f[6]}, err1 == nil && err2 == nil
}

// FindUser returns the entry of that name, nil if there is none.
func FindUser(v host.FileReader, name string) (*User, error) {
	some, err := entriesWith(v, passwd, 7, name+":")
	for _, f := range some {
		if u, ok := userOf(f); ok && u.Name == name {
			return &u, err
		}
	}
	return nil, err
}

// Groups returns all entries of /etc/group in their order.
func Groups(v host.FileReader) ([]Group, error) {
	all, err := entries(v, group, 4)
	groups := make([]Group, 0, len(all))
	for _, f := range all {
		if g, ok := groupOf(f); ok {
			groups = append(groups, g)
		}
	}
	return groups, err
}

func groupOf(f []string) (Group, bool) {
	gid, err := strconv.ParseUint(f[2], 10, 32)
	g := Group{Name: f[0], GID: uint32(gid)}
	for m := range strings.SplitSeq(f[3], ",") {
		if m = strings.TrimSpace(m); m != "" {
			g.Members = append(g.Members, m)
		}
	}
	return g, err == nil
}

// FindGroup returns the entry of that name, nil if there is none.
func FindGroup(v host.FileReader, name string) (*Group, error) {
	some, err := entriesWith(v, group, 4, name+":")
	for _, f := range some {
		if g, ok := groupOf(f); ok && g.Name == name {
			return &g, err
		}
	}
	return nil, err
}

// GroupName is the name of the group with that id, the id itself if /etc/group has none.
func GroupName(v host.FileReader, gid uint32) (string, error) {
	all, err := Groups(v)
	for _, g := range all {
		if g.GID == gid {
			return g.Name, nil
		}
	}
	return Number(gid), err
}

// FreeUID is an error where another user than name has that number: no program gives one twice.
func FreeUID(ctx context.Context, v host.View, uid uint32, name string) error {
	all, err := Users(v)
	for _, u := range all {
		if u.UID == uid && u.Name != name {
			return &resources.AttrError{Attr: "uid", Err: fmt.Errorf("%d is the number of %s", uid, u.Name)}
		}
	}
	if err != nil {
		return err
	}
	return freeElsewhere(ctx, v, "passwd", "uid", uid, name)
}

// FreeGID is the same for groups.
func FreeGID(ctx context.Context, v host.View, gid uint32, name string) error {
	all, err := Groups(v)
	for _, g := range all {
		if g.GID == gid && g.Name != name {
			return &resources.AttrError{Attr: "gid", Err: fmt.Errorf("%d is the number of %s", gid, g.Name)}
		}
	}
	if err != nil {
		return err
	}
	return freeElsewhere(ctx, v, "group", "gid", gid, name)
}

// freeElsewhere asks the node's name services, as the programs that change accounts do. Where they do not answer, that is for these to say.
func freeElsewhere(ctx context.Context, v host.View, database, attr string, id uint32, name string) error {
	out, err := v.Query(ctx, host.Cmd{Args: []string{"getent", database, Number(id)}})
	other, _, found := strings.Cut(string(out.Stdout), ":")
	if err != nil || out.ExitCode != 0 || !found || other == name {
		return nil
	}
	return &resources.AttrError{Attr: attr, Err: fmt.Errorf("%d is the number of %s, which only the node's name services know", id, other)}
}

// GroupsOf returns the names, sorted, of the groups that list the user.
func GroupsOf(v host.FileReader, user string) ([]string, error) {
	some, err := entriesWith(v, group, 4, user)
	names := []string{}
	for _, f := range some {
		if g, ok := groupOf(f); ok && slices.Contains(g.Members, user) {
			names = append(names, g.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), err
}

// ListUsers returns the names of the node's own users that match of, as [resources.Select] does.
func ListUsers(v host.FileReader, of string) ([]string, error) { return list(v, passwd, 7, of) }

// ListGroups is the same for groups.
func ListGroups(v host.FileReader, of string) ([]string, error) { return list(v, group, 4, of) }

func list(v host.FileReader, file string, fields int, of string) ([]string, error) {
	all, err := entries(v, file, fields)
	names := make([]string, len(all))
	for i, f := range all {
		names[i] = f[0]
	}
	return resources.Select(of, names), err
}

// Together is who should be in, sorted: those who are declared and, where these are not all, those who are in already.
func Together(declared, is []string, all bool) []string {
	want := slices.Clone(declared)
	if !all {
		want = append(want, is...)
	}
	slices.Sort(want)
	return slices.Compact(want)
}

// Move calls join for those in want alone and leave for those in is alone, until one fails. One at a time leaves everybody else where they are,
// whoever moved them since is was read.
func Move(is, want []string, join, leave func(name string) error) error {
	for _, name := range want {
		if !slices.Contains(is, name) {
			if err := join(name); err != nil {
				return err
			}
		}
	}
	for _, name := range is {
		if !slices.Contains(want, name) {
			if err := leave(name); err != nil {
				return err
			}
		}
	}
	return nil
}
