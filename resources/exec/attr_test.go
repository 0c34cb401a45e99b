package exec_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/exec"
)

func TestAttributes(t *testing.T) {
	tests := map[string]struct {
		attr  func(e *exec.Exec) resources.AttrUnmarshaler
		value any
		want  any // nil: refused
	}{
		"command, string":      {command, "a b", &exec.Command{Line: "a b"}},
		"command, list":        {command, []any{"a", 1.0, true}, &exec.Command{Args: []string{"a", "1", "true"}}},
		"command, empty list":  {command, []any{}, nil},
		"command, number":      {command, 1.0, nil},
		"command, nested":      {command, []any{[]any{"a"}}, nil},
		"path, string":         {path, "/bin:/sbin", &exec.SearchPath{"/bin", "/sbin"}},
		"path, list":           {path, []any{"/bin", "/sbin:/usr/bin"}, &exec.SearchPath{"/bin", "/sbin", "/usr/bin"}},
		"path, relative":       {path, "/bin:.", nil},
		"path, empty element":  {path, "/bin:", nil},
		"returns, number":      {returns, 3.0, &exec.ExitCodes{3}},
		"returns, list":        {returns, []any{0.0, "2"}, &exec.ExitCodes{0, 2}},
		"returns, too large":   {returns, 256.0, nil},
		"returns, fraction":    {returns, 1.5, nil},
		"returns, none":        {returns, []any{}, nil},
		"returns, word":        {returns, "ok", nil},
		"environment, map":     {environment, map[string]any{"A": "1=2", "B": 3.0}, &exec.Environment{"A": "1=2", "B": "3"}},
		"environment, one":     {environment, "A=1=2", &exec.Environment{"A": "1=2"}},
		"environment, list":    {environment, []any{"A=1", "B=", "A=2"}, &exec.Environment{"A": "2", "B": ""}},
		"environment, no =":    {environment, []any{"A=1", "B"}, nil},
		"environment, nested":  {environment, map[string]any{"A": []any{"1"}}, nil},
		"environment, maps":    {environment, []any{map[string]any{"A": "1"}}, nil},
		"umask":                {umask, "027", new(exec.Umask("027"))},
		"umask, number":        {umask, 27.0, nil},
		"umask, not octal":     {umask, "8", nil},
		"umask, too large":     {umask, "1777", nil},
		"logoutput, bool":      {logoutput, true, new(exec.LogAlways)},
		"logoutput, string":    {logoutput, "on_failure", new(exec.LogOnFailure)},
		"logoutput, otherwise": {logoutput, "never", nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			attr := test.attr(&exec.Exec{})
			err := attr.UnmarshalAttr(test.value)
			if test.want == nil {
				if err == nil {
					t.Fatalf("%v was accepted", test.value)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, any(attr)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func command(e *exec.Exec) resources.AttrUnmarshaler     { return &e.Command }
func path(e *exec.Exec) resources.AttrUnmarshaler        { return &e.Path }
func returns(e *exec.Exec) resources.AttrUnmarshaler     { return &e.Returns }
func environment(e *exec.Exec) resources.AttrUnmarshaler { return &e.Environment }
func umask(e *exec.Exec) resources.AttrUnmarshaler       { return &e.Umask }
func logoutput(e *exec.Exec) resources.AttrUnmarshaler   { return &e.LogOutput }

// What a command is that nothing is said of.
func TestDefaults(t *testing.T) {
	want := &exec.Exec{Command: exec.Command{Line: "true"}, Returns: exec.ExitCodes{0}, LogOutput: exec.LogOnFailure}
	if diff := cmp.Diff(want, made("true"), cmpopts.IgnoreUnexported(exec.Exec{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := exec.Type().Timeout; got != 300*time.Second {
		t.Errorf("want a timeout of 300 s, got %s", got)
	}
}

func TestValidate(t *testing.T) {
	tests := map[string]struct {
		exec *exec.Exec
		want string
	}{
		"fine":           {made("true"), ""},
		"no command":     {made(""), "command: names no program"},
		"blank command":  {made(" \t"), "command: names no program"},
		"empty program":  {made("", args("", "x")), "command: names no program"},
		"relative cwd":   {made("true", func(e *exec.Exec) { e.Cwd = "tmp" }), "cwd: want an absolute path"},
		"relative path":  {made("true", func(e *exec.Exec) { e.Creates = resources.Strings{"x"} }), `creates: want an absolute path, not "x"`},
		"bad variable":   {made("true", func(e *exec.Exec) { e.Environment = map[string]string{"A=B": "c"} }), `environment: "A=B" cannot be a variable of the environment`},
		"several":        {made("", func(e *exec.Exec) { e.Cwd = "tmp" }), "command: names no program\ncwd: want an absolute path"},
		"empty refresh":  {made("true", func(e *exec.Exec) { e.OnRefresh = exec.Command{Args: []string{}} }), ""}, // said when it was read
		"NUL in refresh": {made("true", refresh("a\x00")), "refresh: cannot hold a NUL byte"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := ""
			if err := test.exec.Validate(); err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
