package funcs

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"filippo.io/age"
	"filippo.io/age/agessh"
	"filippo.io/age/armor"
	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"golang.org/x/crypto/bcrypt"

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

// BenchmarkLongLists is of lists as loops make them: tuples, whose elements cty converts one by one.
func BenchmarkLongLists(b *testing.B) {
	elements := make([]cty.Value, 10_000)
	for i := range elements {
		elements[i] = cty.StringVal(strconv.Itoa(i))
	}
	long := cty.TupleVal(elements)
	fns := Functions(Options{BaseDir: "/"})
	for _, name := range []string{"compact", "distinct", "setunion", "sort", "toset"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := fns[name].Call([]cty.Value{long}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
