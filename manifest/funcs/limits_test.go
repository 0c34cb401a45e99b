package funcs

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"filippo.io/age"
	"filippo.io/age/agessh"
	"filippo.io/age/armor"
	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"golang.org/x/crypto/bcrypt"
	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/manifest/limits"
)

// mib is a string of n MiB.
func mib(n int) cty.Value { return cty.StringVal(strings.Repeat("x", n<<20)) }

// shared is a list that takes little memory, and is 10^6 strings long as text. (With some more, cty's own look at an argument takes too
// long: that is for limits.Run to end.)
func shared() cty.Value {
	v := cty.StringVal(strings.Repeat("x", 64))
	for range 6 {
		v = cty.TupleVal([]cty.Value{v, v, v, v, v, v, v, v, v, v})
	}
	return v
}

func TestErrors(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"nested.tmpl": `${templatefile("a.tmpl", {})}`, "a.tmpl": "${b}", "binary": "\xff", "deep.tmpl": "${" + strings.Repeat("(", 1000)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Truncate(filepath.Join(dir, "binary"), 1<<40); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "outside")); err != nil {
		t.Fatal(err)
	}
	items := make([]cty.Value, 2000)
	for i := range items {
		items[i] = cty.NumberIntVal(int64(i))
	}
	secret := cty.StringVal("hunter2").Mark(Sensitive)
	ctx := &hcl.EvalContext{
		Functions: Functions(Options{BaseDir: dir, Within: dir}),
		Variables: map[string]cty.Value{
			"large": mib(15), "dots": cty.StringVal(strings.Repeat(".", 2<<20)), "lines": cty.StringVal(strings.Repeat("\n", 2<<20)),
			"shared": shared(), "items": cty.TupleVal(items), "secret": secret, "wrapped": cty.ObjectVal(map[string]cty.Value{"a": secret}),
			"nested": cty.StringVal(strings.Repeat("[", 100_000)), "dir": cty.StringVal(dir),
		},
	}
	tests := []struct{ src, want string }{
		{`range(2000000)`, "limit"},
		{`range(0, 1, 0.0000001)`, "limit"},
		{`range(0, 1, 0)`, "must not be zero"},
		{`range(0, 1, -1)`, "leads away"},
		{`range()`, "one to three"},
		{`setproduct(items, items)`, "limit"},
		{`format("%1000000000d", 1)`, "limit"},
		{`format("%99999999999999999999d", 1)`, "limit"},
		{`format("%.1000000000f", 1)`, "limit"},
		{`format("%[1]s%[1]s%[1]s", large)`, "limit"},
		{`format(join("", [for i in items : "%[1]s"]), large)`, "limit"}, // 30 GB
		{`format("%1000000000[1]d", 1)`, "limit"},
		{`format("%s%s%s", large, large, large)`, "limit"},
		{`format("%v", shared)`, "limit"},
		{`formatlist("%1000000s", items)`, "limit"},
		{`formatlist("%s %s", large, items)`, "limit"},
		{`join(large, ["a", "b", "c"])`, "limit"},
		{`join("", [large, large])`, "limit"},
		{`replace(dots, ".", "0123456789")`, "limit"},
		{`replace(dots, "/./", "0123456789")`, "limit"},
		{`replace("x${large}", "/.*/", "$0$0$0")`, "limit"},
		{`replace("a", "/(/", "")`, "missing closing"},
		{`split("", dots)`, "limit"},
		{`regexall("", dots)`, "limit"},
		{`regexall("(a{1000}){1000}", "")`, "repeat"},
		{`indent(1000000000, "\n")`, "limit"},
		{`indent(100, lines)`, "limit"},
		{`indent(-1, "")`, "negative"},
		{`base64encode(large)`, "limit"},
		{`jsonencode(shared)`, "limit"},
		{`yamlencode(shared)`, "limit"},
		{`flatten(shared)`, "limit"},
		{`csvdecode(lines)`, "limit"},
		{`jsondecode(nested)`, "limit"},
		{`jsondecode("[1e999999999]")`, "limit"},
		{`tonumber("1e999999999")`, "limit"},
		{`tonumber(dots)`, "limit"},
		{`parseint(dots, 10)`, "limit"},
		{`bcrypt("a", 31)`, "limit"},
		{`bcrypt("${dots}")`, "72 bytes"},
		{`log(0, 10)`, "not a finite number"},
		{`pow(10, 1000)`, "not a finite number"},
		{`log(-1, 10)`, "not a number"},
		{`file("pipe")`, "not a regular file"},
		{`file("binary")`, "limit"},
		{`filesha256("binary")`, "limit"},
		{`file(".")`, "is a folder"},
		{`file("absent")`, "there is no file " + dir + "/absent"},
		{`file("../x")`, "leads out"},
		{`file("${dir}/../x")`, "leads out"},
		{`fileexists("${dir}/../x")`, "leads out"},
		{`file("outside")`, "escapes"},
		{`fileset("..", "*")`, "leads out"},
		{`fileset(".", "../*")`, "must not lead out"},
		{`fileset(".", "[")`, "not a valid pattern"},
		{`fileexists("pipe")`, "not a regular file"},
		{`templatefile("pipe", {})`, "not a regular file"},
		{`templatefile("nested.tmpl", {})`, "inside a template"},
		{`templatefile("a.tmpl", {})`, "not among its variables: \"b\" at a.tmpl:1,3"},
		{`templatefile("deep.tmpl", {})`, "limit"},
		{`templatestring("$${templatestring(\"a\", {})}", {})`, "inside a template"},
		{`templatestring("$${x}", {x = []})`, "does not give a string"},
		{`templatestring("", [])`, "map or object"},
		{`templatestring("", {"1" = 2})`, "cannot be the name"},
		{`decrypt("a.tmpl")`, "no identity"},
		{`base64decode("/w==")`, "not UTF-8"},
		{`length(1)`, "has no length"},
		{`index(["a"], "b")`, "is not in the list"},
		{`lookup({}, "b")`, "no element \"b\""},
		{`lookup({}, "b", 1, 2)`, "two or three"},
		{`one([1, 2])`, "no or one element"},
		{`sum([])`, "has no sum"},
		{`sum(["a"])`, "must be numbers"},
		{`coalesce(null, "")`, "null or empty"},
		{`cidrhost("10.0.0.0/24", 256)`, "only 256 addresses"},
		{`cidrhost("10.0.0.0/24", -257)`, "only 256 addresses"},
		{`cidrhost("10.0.0.0", 1)`, "not a network"},
		{`cidrhost("10.0.0.0/8", 0.5)`, "whole number"},
		{`cidrhost("10.0.0.0/8", 1e4000)`, "no larger than an address"},
		{`cidrsubnet("10.0.0.0/24", 9, 0)`, "cannot be extended"},
		{`cidrsubnet("10.0.0.0/24", 1, 2)`, "number of 1 bits"},
		{`cidrsubnets("10.0.0.0/24", 1, 1, 1)`, "no room left"},
		{`cidrnetmask("::/0")`, "IPv4"},
		{`cidrcontains("::/0", "10.0.0.1")`, "IPv4"},
		{`timecmp("now", "now")`, "not a timestamp"},
		{`pathexpand("~root/x")`, "another user"},

		{`tonumber(secret)`, "keep it hidden"},
		{`parseint(secret, 10)`, "keep it hidden"},
		{`regex(secret, "x")`, "keep it hidden"},
		{`file(secret)`, "keep it hidden"},
		{`timecmp(secret, secret)`, "keep it hidden"},
		{`jsondecode("{${secret}")`, "keep it hidden"},
		{`cidrhost(secret, 1)`, "keep it hidden"},
		{`templatestring("$${tonumber(a)}", wrapped)`, "keep it hidden"},
		{`format("%d", wrapped)`, "keep it hidden"},
		{`indent(1000000000, secret)`, "limit"},
		{`bcrypt(secret, 31)`, "limit"},
		{`templatestring("${nested}$${", wrapped)`, "keep it hidden"},
	}
	for _, tt := range tests {
		t.Run(tt.src, func(t *testing.T) {
			start := cpuTime(t)
			_, diags := parseExpr(t, tt.src).Value(ctx)
			switch text := diags.Error(); {
			case !diags.HasErrors():
				t.Error("no error")
			case !strings.Contains(text, tt.want) || len(text) > 1000:
				t.Errorf("want %q, got %.1000q", tt.want, text)
			case strings.Contains(text, "hunter2") || strings.Contains(text, "goroutine"):
				t.Errorf("tells too much: %q", text)
			}
			if took := cpuTime(t) - start; took > time.Minute { // with the race detector; without it, a second or two
				t.Errorf("took %v of a processor", took)
			}
		})
	}
}

// cpuTime is what this process has had of the processors: on a busy machine the clock says nothing.
func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func TestBounded(t *testing.T) {
	fns := Functions(Options{})
	for name, args := range map[string][]cty.Value{
		"format": {cty.StringVal("%s"), mib(15)}, "join": {cty.StringVal(","), cty.ListVal([]cty.Value{mib(15)})}, "jsonencode": {mib(15)},
		"replace": {mib(15), cty.StringVal("x"), cty.StringVal("y")}, "range": {cty.NumberIntVal(limits.MaxElements)}, "base64encode": {mib(11)},
	} {
		if _, err := fns[name].Call(args); err != nil {
			t.Errorf("%s within the bounds: %v", name, err)
		}
	}
}

func TestBcrypt(t *testing.T) {
	fns := Functions(Options{})
	for _, password := range []string{"", "hello", strings.Repeat("é", 36)} {
		got, err := fns["bcrypt"].Call([]cty.Value{cty.StringVal(password), cty.NumberIntVal(5)})
		if err != nil {
			t.Fatal(err)
		}
		if err := bcrypt.CompareHashAndPassword([]byte(got.AsString()), []byte(password)); err != nil {
			t.Errorf("%q: %s: %v", password, got.AsString(), err)
		}
		if cost, err := bcrypt.Cost([]byte(got.AsString())); cost != 5 || err != nil {
			t.Errorf("cost is %d, %v", cost, err)
		}
	}
}

func TestGzip(t *testing.T) {
	got, err := Functions(Options{})["base64gzip"].Call([]cty.Value{cty.StringVal("hello")})
	if err != nil {
		t.Fatal(err)
	}
	r, err := gzip.NewReader(base64.NewDecoder(base64.StdEncoding, strings.NewReader(got.AsString())))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(r); string(b) != "hello" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
}

// TestElsewhere reads other files of the node: by absolute paths anyone's, where nothing confines them or something does.
func TestElsewhere(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.txt"), []byte("a"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOME", dir)
	for _, fns := range []map[string]function.Function{
		Functions(Options{BaseDir: filepath.Join(dir, "sub")}), Functions(Options{BaseDir: dir}), Functions(Options{BaseDir: dir + "/sub", Within: dir + "/sub"}),
	} {
		for _, path := range []string{filepath.Join(dir, "a.txt"), "~/a.txt"} {
			got, err := fns["file"].Call([]cty.Value{cty.StringVal(path)})
			if err != nil || got.AsString() != "a" {
				t.Errorf("%s: %v, %v", path, got, err)
			}
		}
		got, err := fns["fileset"].Call([]cty.Value{cty.StringVal(dir), cty.StringVal("**/*.txt")})
		if err != nil || encode(t, got) != `["a.txt"]` {
			t.Errorf("%#v, %v", got, err)
		}
	}
}

func TestDecrypt(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, content []byte) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	other, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	sshPublic, sshPrivate := sshKey(t)
	sshRecipient, err := agessh.ParseRecipient(sshPublic)
	if err != nil {
		t.Fatal(err)
	}
	seal := func(text string, armored bool, to age.Recipient) []byte {
		t.Helper()
		var b bytes.Buffer
		var out io.Writer = &b
		if armored {
			out = armor.NewWriter(&b)
		}
		w, err := age.Encrypt(out, to)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if armored {
			if err := out.(io.Closer).Close(); err != nil {
				t.Fatal(err)
			}
		}
		return b.Bytes()
	}
	write("binary.age", seal("top secret", false, id.Recipient()))
	write("armored.age", seal("top secret", true, id.Recipient()))
	write("ssh.age", seal("top secret", false, sshRecipient))
	write("other.age", seal("top secret", false, other.Recipient()))
	write("bytes.age", seal("\xff", false, id.Recipient()))
	write("plain.age", []byte("top secret"))
	ids := []string{"/nonexistent/identity.txt", write("identity.txt", []byte("# mine\n"+id.String()+"\n")), write("ssh_host_key", sshPrivate)}

	decrypt := Functions(Options{BaseDir: dir, Within: dir, Identities: ids})["decrypt"]
	tests := map[string]struct{ path, want, err string }{
		"binary":      {path: "binary.age", want: "top secret"},
		"armored":     {path: "armored.age", want: "top secret"},
		"for ssh":     {path: "ssh.age", want: "top secret"},
		"for another": {path: "other.age", err: "no identity matched"},
		"not text":    {path: "bytes.age", err: "not UTF-8"},
		"not sealed":  {path: "plain.age", err: "age"},
		"absent":      {path: "absent", err: "there is no file"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := decrypt.Call([]cty.Value{cty.StringVal(tt.path)})
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("want %q, got %v", tt.err, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !got.HasMark(Sensitive) {
				t.Error("is not sensitive")
			}
			got, _ = got.Unmark()
			if diff := cmp.Diff(tt.want, got.AsString()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
