package file_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/file"
	"github.com/nodeapply/apply/resources/resourcetest"
)

// What an earlier resource may be about to bring is an error, yet what would change is known.
func TestCheckWithWhatIsMissing(t *testing.T) {
	change := func(attr, from, to string) resources.Change { return resources.Change{Attr: attr, From: from, To: to} }
	tests := map[string]struct {
		file *file.File
		want []resources.Change
		err  string
	}{
		"parent": {made("/dir/no/x", mode("0600")), []resources.Change{}, ""},
		"parent of a file": {
			made("/dir/no/x", content("z\n"), mode("0600")),
			[]resources.Change{change("ensure", "absent", "file"), change("content", "", "2 bytes, sha256:c865f6c5ab8d1b0b"), change("mode", "", "0600")},
			"parent folder /dir/no: does not exist",
		},
		"parent of a folder": {
			made("/dir/no/x", ensure("directory")), []resources.Change{change("ensure", "absent", "directory")}, "parent folder /dir/no: does not exist",
		},
		"owner": {
			made("/dir/x", ensure("directory"), owner("nosuch")),
			[]resources.Change{change("ensure", "absent", "directory"), change("owner", "", "nosuch"), change("group", "", "nosuch")},
			"owner: user \"nosuch\": unknown to this node\ngroup: group \"nosuch\": unknown to this node",
		},
		"parent and owner": {
			made("/dir/no/x", ensure("directory"), func(f *file.File) { f.Owner = "nosuch" }),
			[]resources.Change{change("ensure", "absent", "directory"), change("owner", "", "nosuch")},
			"parent folder /dir/no: does not exist\nowner: user \"nosuch\": unknown to this node",
		},
		"owner of nothing": {made("/dir/x", owner("nosuch"), mode("0600")), []resources.Change{}, ""},
		"checksum of a source": {
			made("/dir/x", source("/s"), func(f *file.File) { f.ChecksumValue = "md5:00000000000000000000000000000000" }),
			[]resources.Change{change("ensure", "absent", "file"), change("source", "", "2 bytes, sha256:73cb3858a687a849")},
			"checksum_value: the source has md5:401b30e3b8b5d629635a5c613cdb7919",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test.file.ShowDiff = false
			got, err := test.file.Check(t.Context(), hosttest.New(t, "-- dir/ --\n-- s --\nx\n"))
			if (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
				t.Errorf("want an error with %q, got %v", test.err, err)
			}
			if diff := cmp.Diff(test.want, got.Changes, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRefuses(t *testing.T) {
	tests := map[string]struct {
		tree string
		file *file.File
		want string // in the error
	}{
		"absent on a folder that is not empty":    {"-- dir/x/y --\nz\n", made("/dir/x", ensure("absent")), "force"},
		"a file on a folder that is not empty":    {"-- dir/x/y --\nz\n", made("/dir/x", content("z")), "force"},
		"a link on a folder that is not empty":    {"-- dir/x/y --\nz\n", made("/dir/x", target("z")), "force"},
		"an unknown owner":                        {"", made("/dir/x", content("z"), owner("nosuch")), "owner: "},
		"an unknown group, and all else differs":  {"-- dir/x 0600 --\nold\n", made("/dir/x", content("new"), mode("0644"), group("nosuch")), "group: "},
		"an unknown owner, and all else differs":  {"-- dir/x 0600 --\nold\n", made("/dir/x", content("new"), mode("0644"), user("nosuch")), "owner: "},
		"an unknown owner of a tree":              {"-- s/a --\nx\n-- dir/x/b 0600 --\n", made("/dir/x", purge, source("/s"), mode("0644"), user("nosuch")), "owner: "},
		"a tree whose last name needs force":      {"-- s/a --\nx\n-- s/z --\nx\n-- dir/x/z/y --\n", made("/dir/x", recurse, source("/s")), "z: force: "},
		"a folder whose parent is not there":      {"", made("/dir/no/x", ensure("directory"), mode("0700")), "parent folder /dir/no: does not exist"},
		"a link whose parent is not there":        {"", made("/dir/no/x", target("y")), "parent folder /dir/no: does not exist"},
		"a copy where a folder stands":            {"-- dir/x --\nold\n-- dir/x.bak/y --\n", made("/dir/x", content("new"), func(f *file.File) { f.Backup = ".bak" }), "backup: "},
		"a parent that is not there":              {"", made("/dir/no/x", content("z")), "parent folder /dir/no: does not exist"},
		"a parent that is a file":                 {"-- dir/no --\n", made("/dir/no/x", content("z")), "parent folder /dir/no: is a file"},
		"a source that is not there":              {"", made("/dir/x", source("/none")), "source: /none: does not exist"},
		"a source that leads nowhere":             {"-- s -> none --\n", made("/dir/x", source("/s")), "source: /s: is a link to none, which does not exist"},
		"no source of several":                    {"", made("/dir/x", source("/none", "/nor")), "source: none of the sources exists"},
		"a source that is a pipe":                 {"-- p| --\n", made("/dir/x", source("/p")), "source: /p is a fifo"},
		"a source that is a folder":               {"-- s/ --\n", made("/dir/x", source("/s")), "recurse"},
		"ensure = file with a folder as a source": {"-- s/ --\n", made("/dir/x", ensure("file"), source("/s")), "recurse"},
		"the root":                               {"", made("/", ensure("absent"), force), "never removed"},
		"a folder of the system":                 {"-- usr/lib/x --\n", made("/usr/lib", ensure("absent"), force), "never removed"},
		"a folder of the system by another name": {"-- etc/x --\n-- dir/up -> / --\n", made("/dir/up/etc", ensure("absent"), force), "never removed"},
		"a folder of the system that is a link":  {"-- usr/lib/x --\n-- lib -> usr/lib --\n", made("/lib", ensure("directory")), "never removed"},
		"a link of the system to elsewhere":      {"-- usr/lib/x --\n-- lib -> usr/lib --\n", made("/lib", target("/dir")), "never removed"},
		"a folder of the system as a file":       {"-- var/tmp/ --\n", made("/var/tmp", content("z"), force), "never removed"},
		"a source with another checksum": {
			"-- s --\nx\n", made("/dir/x", source("/s"), func(f *file.File) { f.ChecksumValue = "md5:00000000000000000000000000000000" }),
			"checksum_value: the source has md5:401b30e3b8b5d629635a5c613cdb7919",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, "-- dir/ --\n"+test.tree)
			if err := test.file.Validate(); err != nil {
				t.Fatal(err)
			}
			if err := resourcetest.Refuses(t, h, test.file); !strings.Contains(err.Error(), test.want) {
				t.Errorf("want an error with %q, got %q", test.want, err)
			}
		})
	}
}
