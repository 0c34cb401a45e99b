package file_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/file"
	"github.com/nodeapply/apply/resources/file/internal/perm"
	"github.com/nodeapply/apply/resources/resourcetest"
)

// Symbolic modes mean what chmod(1) means by them.
func TestSymbolicModes(t *testing.T) {
	hosttest.Program(t, "chmod", "symbolic modes beside chmod(1)")
	symbols := []string{
		"u+x", "g-w", "a=rX", "u+x,g-w,a=rX", "o=", "g=u", "o=g-w", "u=rwx,go=rx", "a+X", "ug+s", "a+t", "a-t", "u=rws,g=s,o=t", "a=,u+rwX", "u-s,g-s", "u=g,g=o", "ug=rw,o=r",
	}
	h := hosttest.New(t, "-- file --\n-- directory/ --\n")
	for _, start := range []uint32{0o644, 0o755, 0o600, 0, 0o4755, 0o2750, 0o1777, 0o124} {
		for _, symbol := range symbols {
			for _, kind := range []string{"/file", "/directory"} {
				if err := os.Chmod(h.Path(kind), os.FileMode(start&0o777)|special(start)); err != nil {
					t.Fatal(err)
				}
				d, err := made(kind, mode(perm.Mode(symbol))).Check(t.Context(), h)
				if err != nil {
					t.Fatal(err)
				}
				got := fmt.Sprintf("%04o", start)
				if !d.Empty() {
					got = d.Changes[0].To
				}
				if out, err := exec.Command("chmod", symbol, h.Path(kind)).CombinedOutput(); err != nil {
					t.Fatalf("%v: %s", err, out)
				}
				st, err := h.Lstat(kind)
				if err != nil {
					t.Fatal(err)
				}
				if want := fmt.Sprintf("%04o", st.Mode); want != got {
					t.Errorf("%s, %04o %s: want %s as chmod gives, got %s", kind, start, symbol, want, got)
				}
			}
		}
	}
}

func special(mode uint32) (m os.FileMode) {
	if mode&0o4000 != 0 {
		m |= os.ModeSetuid
	}
	if mode&0o2000 != 0 {
		m |= os.ModeSetgid
	}
	if mode&0o1000 != 0 {
		m |= os.ModeSticky
	}
	return m
}

func TestValidate(t *testing.T) {
	tests := map[string]struct {
		file *file.File
		want string
	}{
		"fine":                               {made("/x", content("y"), mode("0644")), ""},
		"a folder that is copied":            {made("/x", purge, source("/y"), ignore("*.bak"), limit(3)), ""},
		"absent with all the rest":           {made("/x", ensure("absent"), content("y"), mode("0644")), ""},
		"relative path":                      {made("x"), `path: want an absolute path, not "x"`},
		"NUL in the path":                    {made("/x\x00"), `path: want an absolute path, not "/x\x00"`},
		"unknown ensure":                     {made("/x", ensure("folder")), `ensure: want file, directory, link, absent or present, not "folder"`},
		"two contents":                       {made("/x", content("y"), source("/y")), "source: set only one of content, source"},
		"a link without target":              {made("/x", ensure("link")), "target: a link needs one"},
		"a target of a file":                 {made("/x", ensure("file"), target("y")), "target: only a link has one, and ensure is file"},
		"content of a link":                  {made("/x", content("y"), target("z")), "content: a link has none"},
		"content of a directory":             {made("/x", content("y"), ensure("directory")), "content: a directory has none"},
		"bad base64":                         {made("/x", func(f *file.File) { s := "%"; f.ContentBase64 = &s }), "content_base64: illegal base64 data at input byte 0"},
		"a text as source":                   {made("/x", source("y\n")), `source: want an absolute path or an http(s) address, not "y\n"; a text is given as ` + "`content`"},
		"relative source":                    {made("/x", source("y")), `source: want an absolute path or an http(s) address, not "y"; a file beside the manifest is "${path.module}/y"`},
		"an address without checksum":        {made("/x", source("https://example.org/y")), "source: an address needs checksum_value"},
		"an address for a directory":         {made("/x", ensure("directory"), source("https://example.org/y"), sum(sha(""))), "source: an address gives a file, not a directory"},
		"a folder into itself":               {made("/y/x", recurse, source("/y")), "source: /y is what /y/x is in: a folder cannot be copied into itself"},
		"checksum of nothing":                {made("/x", sum(sha(""))), "checksum_value: needs content or a source that it is the checksum of"},
		"checksum of other content":          {made("/x", content("y"), sum("md5:"+strings.Repeat("0", 32))), "checksum_value: the content has md5:415290769594460e2e485922904f345d"},
		"checksum of content":                {made("/x", content("y"), sum("415290769594460e2e485922904f345d")), ""},
		"checksum of a wrong length":         {made("/x", content("y"), sum("md5:00")), "checksum_value: a md5 checksum has 32 hexadecimal digits, not 2"},
		"checksum of no known length":        {made("/x", content("y"), sum("0000")), "checksum_value: no algorithm gives 4 hexadecimal digits"},
		"checksum of an unknown algorithm":   {made("/x", content("y"), sum("crc:00")), "checksum_value: crc is not one of md5, sha1, sha224, sha256, sha384, sha512"},
		"checksum that is not hexadecimal":   {made("/x", content("y"), sum("md5:xy")), "checksum_value: want hexadecimal digits after the name of an algorithm, such as sha256:0f1e2d"},
		"purge without recurse":              {made("/x", ensure("directory"), func(f *file.File) { f.Purge = true }), "purge: needs recurse = true"},
		"recurse of a file":                  {made("/x", ensure("file"), recurse), "recurse: only a directory has something in it, and ensure is file"},
		"negative limit":                     {made("/x", recurse, limit(-1)), "recurselimit: cannot be negative"},
		"a pattern that matches nothing":     {made("/x", recurse, ignore("a/*")), `ignore: "a/*" would match nothing: a pattern is for a name, which has no slash`},
		"bad pattern":                        {made("/x", recurse, ignore("[")), "ignore: syntax error in pattern"},
		"unknown links":                      {made("/x", links("both")), `links: want manage or follow, not "both"`},
		"mode of what a link leads to":       {made("/x", target("y"), links("follow"), mode("0644")), "links: a link with a target is not followed, and has no mode: declare what it points to in a block of its own"},
		"an owner that is none":              {made("/x", func(f *file.File) { f.Owner = "4294967295" }), "owner: 4294967295 is no number of an account: the largest is 4294967294"},
		"an owner before the first":          {made("/x", func(f *file.File) { f.Owner = "-1" }), "owner: \"-1\" is no name of an account"},
		"a group and more":                   {made("/x", func(f *file.File) { f.Group = "root:adm" }), "group: \"root:adm\" is no name of an account"},
		"a group beyond all":                 {made("/x", func(f *file.File) { f.Group = "4294967296" }), "group: 4294967296 is no number of an account: the largest is 4294967294"},
		"a mode that was set without a look": {made("/x", mode("rw")), `mode: want octal digits such as "0644", or symbols such as "u+x,g-w,a=rX"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := ""
			if err := test.file.Validate(); err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestIdentities(t *testing.T) {
	f := made("/etc/app//x/", target("../y"), owner("bob"))
	if diff := cmp.Diff([]resources.Identity{{Kind: "path", Name: "/etc/app/x"}}, f.Provides()); diff != "" {
		t.Errorf("provides (-want +got):\n%s", diff)
	}
	want := []resources.Identity{
		{Kind: "path", Name: "/etc/app", Nearest: true}, {Kind: "path", Name: "/etc/y"}, {Kind: "user", Name: "bob"}, {Kind: "group", Name: "bob"},
	}
	if diff := cmp.Diff(want, f.Requires()); diff != "" {
		t.Errorf("requires (-want +got):\n%s", diff)
	}
	want = []resources.Identity{{Kind: "path", Name: "/", Nearest: true}, {Kind: "path", Name: "/srv/a"}, {Kind: "mount", Name: "/srv/a", Nearest: true}, {Kind: "path", Name: "/srv/b"}, {Kind: "mount", Name: "/srv/b", Nearest: true}}
	if diff := cmp.Diff(want, made("/x", source("/srv/a", "https://example.org/", "file:///srv/b")).Requires()); diff != "" {
		t.Errorf("requires (-want +got):\n%s", diff)
	}
	want = []resources.Identity{{Kind: "path", Name: "/", Nearest: true}, {Kind: "path", Name: "/srv/a", Below: true}, {Kind: "mount", Name: "/srv/a", Nearest: true}}
	if diff := cmp.Diff(want, made("/x", source("/srv/a"), recurse).Requires()); diff != "" {
		t.Errorf("requires (-want +got):\n%s", diff)
	}
}

// What Inspect finds is a declaration that nothing differs from.
func TestInspect(t *testing.T) {
	tests := map[string]struct {
		tree string
		want func(f *file.File)
	}{
		"nothing":      {"", func(f *file.File) { f.Ensure = "absent" }},
		"text":         {"-- x 0640 --\nhello\n", func(f *file.File) { f.Ensure, f.Mode = "file", "0640"; content("hello\n")(f) }},
		"not composed": {"-- x --\ncafe\u0301\n", func(f *file.File) { f.Ensure, f.Mode = "file", "0644"; s := "Y2FmZcyBCg=="; f.ContentBase64 = &s }},
		"not UTF-8":    {"-- x --\n\xff\n", func(f *file.File) { f.Ensure, f.Mode = "file", "0644"; s := "/wo="; f.ContentBase64 = &s }},
		"folder":       {"-- x/ 1755 --\n", func(f *file.File) { f.Ensure, f.Mode = "directory", "1755" }},
		"unsearchable": {"-- x/ 2744 --\n", func(f *file.File) { f.Ensure, f.Mode = "directory", "u=rwx,g=r,o=r,u-s,g+s,-t" }},
		"link":         {"-- x -> /y --\n", func(f *file.File) { f.Ensure, f.Target = "link", "/y" }},
		"pipe":         {"-- x| 0600 --\n", func(f *file.File) { f.Ensure, f.Mode = "present", "0600" }},
		"somebody's": {"-- x nobody:daemon --\n", func(f *file.File) {
			f.Ensure, f.Mode, f.Owner, f.Group = "file", "0644", "nobody", "daemon"
			content("")(f)
		}},
		"of nobody's name": {"-- etc/passwd --\nroot:x:0:0:r:/:/bin/sh\nbob:x:1234:0:b:/:/bin/sh\n-- x bob:root --\n", func(f *file.File) { f.Ensure, f.Mode, f.Owner = "file", "0644", "bob"; content("")(f) }},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if strings.Contains(test.tree, ":root --") || strings.Contains(test.tree, "nobody") {
				resourcetest.NeedsRoot(t, noOwners)
			}
			h := hosttest.New(t, test.tree)
			got := made("/x")
			if err := got.Inspect(t.Context(), h); err != nil {
				t.Fatal(err)
			}
			want := made("/x", func(f *file.File) {
				if test.tree != "" {
					f.Owner, f.Group = "root", "root"
				}
			}, test.want)
			if diff := cmp.Diff(*want, *got, cmp.FilterPath(func(p cmp.Path) bool { return p.String() == "managed" }, cmp.Ignore())); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if err := got.Validate(); err != nil {
				t.Error(err)
			}
			if d := resourcetest.Check(t, h, got); !d.Empty() {
				t.Errorf("what was found differs from itself: %+v", d.Changes)
			}
		})
	}
}

// The parts of an SELinux context that are declared are set, the others stay. The labels are real extended attributes; that the kernel
// has SELinux is pretended.
func TestSELinux(t *testing.T) {
	resourcetest.NeedsRoot(t, noOwners)
	h := hosttest.New(t, "-- sys/fs/selinux/enforce --\n1\n-- dir/x --\nx\n")
	label := func(l string) {
		t.Helper()
		err := h.SetMeta(t.Context(), "/dir/x", host.Meta{Xattrs: map[string][]byte{"security.selinux": []byte(l + "\x00")}})
		if err != nil {
			t.Skipf("SELinux contexts are not tested: %v", err)
		}
	}
	label("system_u:object_r:etc_t:s0:c0.c1")
	f := made("/dir/x", func(f *file.File) { f.SELUser, f.SELType = "system_u", "httpd_config_t" })
	o := resourcetest.Converges(t, h, f)
	if diff := cmp.Diff([]resources.Change{{Attr: "seltype", From: "etc_t", To: "httpd_config_t"}}, o.Diff.Changes); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	xattrs, err := h.Xattrs("/dir/x")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("system_u:object_r:httpd_config_t:s0:c0.c1\x00", string(xattrs["security.selinux"])); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := os.RemoveAll(filepath.Join(h.Path("/sys"))); err != nil {
		t.Fatal(err)
	}
	label("system_u:object_r:etc_t:s0")
	if d := resourcetest.Check(t, h, f); !d.Empty() {
		t.Errorf("without SELinux in the kernel: %+v", d.Changes)
	}
}
