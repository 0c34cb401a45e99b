package version

import (
	"os/exec"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nodeapply/apply/host/hosttest"
)

// ordered holds, for every scheme, versions each of which is after the one before it; versions in one element are equal.
var ordered = map[string]struct {
	scheme Scheme
	rows   [][]string
}{
	"debian": {Debian, [][]string{
		{"0~~"}, {"0~~a"}, {"0~"}, {"0", "0-0", "0:0"}, {"1.0~rc1"}, {"1.0~rc1-1"}, {"1.0", "1.0-0", "01.0"}, {"1.0-0ubuntu1"}, {"1.0-1~bpo1"}, {"1.0-1"},
		{"1.0-1+b1"}, {"1.0-1.1"}, {"1.0-2"}, {"1.0-10"}, {"1.0a-1"}, {"1.0+dfsg-1"}, {"1.0.1"}, {"1.2"}, {"1.10"}, {"2-1-1"}, {"20220101"}, {"99999999999999999999999"}, {"1:0.1"}, {"2:0"},
	}},
	"rpm": {RPM, [][]string{
		{"1.0~rc1"}, {"1.0~rc2"}, {"1.0", "1.0"}, {"1.0-1"}, {"1.0-1.fc38"}, {"1.0-2"}, {"1.0-10"}, {"1.0^20220101"}, {"1.0.a"}, {"1.0.1", "1.0_1", "1.0.01"}, {"1.0.1a"}, {"1.2"}, {"1.10"}, {"1:0.1"},
	}},
	"pacman": {Pacman, [][]string{
		{"1.0a"}, {"1.0b"}, {"1.0beta"}, {"1.0p"}, {"1.0pre"}, {"1.0rc"}, {"1.0"}, {"1.0.a"}, {"1.0.1"}, {"1.1-1"}, {"1.1-2"}, {"1.1-10"}, {"1:0.1"},
	}},
	"apk": {APK, [][]string{
		{"1.0_alpha"}, {"1.0_alpha2"}, {"1.0_beta1"}, {"1.0_pre1"}, {"1.0_rc1"}, {"1.0", "1.0-r0"}, {"1.0-r1"}, {"1.0-r10"}, {"1.0_git20220101"}, {"1.0_p1"}, {"1.0a"}, {"1.0.1"}, {"1.05"}, {"1.1"}, {"1.9"}, {"1.10"},
	}},
}

func sign(n int) int { return max(-1, min(1, n)) }

func TestCompare(t *testing.T) {
	for name, tt := range ordered {
		t.Run(name, func(t *testing.T) {
			for i, left := range tt.rows {
				for j, right := range tt.rows {
					for _, a := range left {
						for _, b := range right {
							want := sign(i - j)
							if got := sign(tt.scheme.Compare(a, b)); got != want {
								t.Errorf("Compare(%s, %s) = %d, want %d", a, b, got, want)
							}
						}
					}
				}
			}
		})
	}
}

// The tables agree with the distributions' own programs, where those are there.
func TestCompareAgreesWithTools(t *testing.T) {
	t.Run("dpkg", func(t *testing.T) {
		hosttest.Program(t, "dpkg", "Debian's versions beside dpkg's own verdict")
		agree(t, "debian", func(a, b string) string {
			for word, ops := range map[string]string{"-1": "lt", "0": "eq", "1": "gt"} {
				if exec.Command("dpkg", "--compare-versions", a, ops, b).Run() == nil {
					return word
				}
			}
			return "none"
		})
	})
	t.Run("vercmp", func(t *testing.T) {
		hosttest.Program(t, "vercmp", "pacman's versions beside its own verdict")
		agree(t, "pacman", func(a, b string) string {
			out, err := exec.Command("vercmp", a, b).Output()
			if err != nil {
				t.Fatal(err)
			}
			return string(out[:len(out)-1])
		})
	})
	t.Run("rpm", func(t *testing.T) {
		hosttest.Program(t, "rpm", "rpm's versions beside its own verdict")
		agree(t, "rpm", func(a, b string) string {
			out, err := exec.Command("rpm", "--eval", `%{lua: print(rpm.vercmp("`+a+`", "`+b+`"))}`).Output()
			if err != nil {
				t.Fatal(err)
			}
			return string(out[:len(out)-1])
		})
	})
}

// agree compares neighbours only: a process a pair.
func agree(t *testing.T, name string, ask func(a, b string) string) {
	t.Helper()
	words := map[int]string{-1: "-1", 0: "0", 1: "1"}
	rows := ordered[name].rows
	for i := 1; i < len(rows); i++ {
		a, b := rows[i-1][0], rows[i][0]
		if want, got := ask(a, b), words[sign(ordered[name].scheme.Compare(a, b))]; want != got {
			t.Errorf("Compare(%s, %s) = %s, the tool says %s", a, b, got, want)
		}
	}
}

func TestMatchLeavesOutParts(t *testing.T) {
	for name, tt := range map[string]struct {
		scheme         Scheme
		have, declared string
		want           int
	}{
		"rpm without release":        {RPM, "1:1.2-3.el9", "1.2", 0},
		"rpm with release":           {RPM, "1.2-3.el9", "1.2-4", -1},
		"rpm with epoch":             {RPM, "1:1.2-3", "2:1.2", -1},
		"pacman without release":     {Pacman, "1:1.2-3", "1.2", 0},
		"apk without revision":       {APK, "1.2-r3", "1.2", 0},
		"apk with revision":          {APK, "1.2-r3", "1.2-r2", 1},
		"debian leaves nothing out":  {Debian, "1.2-3", "1.2", 1},
		"debian keeps its own epoch": {Debian, "1:1.2", "1.3", 1},
	} {
		t.Run(name, func(t *testing.T) {
			if got := sign(tt.scheme.Match(tt.have, tt.declared)); got != tt.want {
				t.Errorf("Match(%s, %s) = %d, want %d", tt.have, tt.declared, got, tt.want)
			}
		})
	}
}

func TestConstraint(t *testing.T) {
	for name, tt := range map[string]struct {
		constraint string
		allowed    []string
		refused    []string
	}{
		"range":              {">= 1.2, < 2", []string{"1.2", "1.2-1", "1.10"}, []string{"1.1", "1.2~rc1", "2", "2.0"}},
		"spaces for commas":  {">=1.2 <2", []string{"1.2"}, []string{"2"}},
		"exclusion":          {"!= 1.2", []string{"1.3"}, []string{"1.2"}},
		"equal":              {"= 1.2", []string{"1.2", "1.2-0"}, []string{"1.2-1"}},
		"double equal":       {"== 1.2", []string{"1.2"}, []string{"1.3"}},
		"series":             {"~> 1.2", []string{"1.2", "1.9"}, []string{"2", "1.1"}},
		"series of a patch":  {"~> 1.9.3", []string{"1.9.3", "1.9.10"}, []string{"1.10", "1.9.2"}},
		"series of a major":  {"~> 1", []string{"1", "7"}, []string{"0.9"}},
		"strictly above one": {"> 1", []string{"1.0"}, []string{"1", "0.5"}},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := ParseConstraint(tt.constraint)
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range tt.allowed {
				if !c.Allows(Debian, v) {
					t.Errorf("%s refuses %s", tt.constraint, v)
				}
			}
			for _, v := range tt.refused {
				if c.Allows(Debian, v) {
					t.Errorf("%s allows %s", tt.constraint, v)
				}
			}
		})
	}
}

func TestConstraintMistakes(t *testing.T) {
	for _, s := range []string{"", ">=", "> 1,", ">= -o", "1.2", "~> 1.2-3", ">= 1 && < 2", ">=1;rm"} {
		if c, err := ParseConstraint(s); err == nil {
			t.Errorf("ParseConstraint(%q) = %v, want an error", s, c)
		}
	}
}

func TestAbove(t *testing.T) {
	c, err := ParseConstraint(">= 1.2, < 2")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, v := range []string{"1.0", "1.5", "2", "3"} {
		got[v] = c.Above(Debian, v)
	}
	if d := cmp.Diff(map[string]bool{"1.0": false, "1.5": false, "2": true, "3": true}, got); d != "" {
		t.Error(d)
	}
}

func TestValid(t *testing.T) {
	got := map[string]bool{}
	for _, v := range []string{"1.2-3", "1:2.0+dfsg~rc1-1", "20^git", "r12", "", "-1", "1 2", "latest", "1;x", "1\n2", "1$x"} {
		got[v] = Valid(v)
	}
	want := map[string]bool{"1.2-3": true, "1:2.0+dfsg~rc1-1": true, "20^git": true, "r12": true, "": false, "-1": false, "1 2": false, "latest": false, "1;x": false, "1\n2": false, "1$x": false}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func FuzzCompare(f *testing.F) {
	f.Add("1.0-1", "1:2~rc1")
	f.Fuzz(func(t *testing.T, a, b string) {
		for name, tt := range ordered {
			if sign(tt.scheme.Compare(a, b)) != -sign(tt.scheme.Compare(b, a)) && name != "apk" {
				t.Errorf("%s: Compare(%q, %q) is not antisymmetric", name, a, b)
			}
			if tt.scheme.Compare(a, a) != 0 {
				t.Errorf("%s: Compare(%q, %q) is not 0", name, a, a)
			}
		}
	})
}
