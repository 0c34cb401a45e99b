package tree

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
)

func TestParse(t *testing.T) {
	for line, tc := range map[string]struct {
		want Entry
		text string // "": the line itself
	}{
		"etc/motd 0640 daemon:bin":   {want: Entry{Name: "/etc/motd", Kind: host.Regular, Mode: 0o640, User: "daemon", Group: "bin"}},
		"motd":                       {want: Entry{Name: "/motd", Kind: host.Regular, Mode: 0o644, User: "root", Group: "root"}, text: "motd 0644 root:root"},
		"etc/conf.d/ 0755 root:root": {want: Entry{Name: "/etc/conf.d", Kind: host.Directory, Mode: 0o755, User: "root", Group: "root"}},
		"var/run -> /run root:root":  {want: Entry{Name: "/var/run", Kind: host.Symlink, Mode: 0o777, User: "root", Group: "root", Target: "/run"}},
		"pipe| 0600 root:root":       {want: Entry{Name: "/pipe", Kind: host.Fifo, Mode: 0o600, User: "root", Group: "root"}},
		`"a b\xff\n" 4755 root:root`: {want: Entry{Name: "/a b\xff\n", Kind: host.Regular, Mode: 0o4755, User: "root", Group: "root"}},
		`l -> "to here" nobody:root`: {want: Entry{Name: "/l", Kind: host.Symlink, Mode: 0o777, User: "nobody", Group: "root", Target: "to here"}},
	} {
		t.Run(line, func(t *testing.T) {
			got, err := Parse("-- " + line + " --\n")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]Entry{tc.want}, got); diff != "" {
				t.Error(diff)
			}
			if tc.text == "" {
				tc.text = line
			}
			if diff := cmp.Diff(tc.text, got[0].String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"a word that is neither":    "-- f 0644 x --\n",
		"nine in a mode":            "-- f 0649 --\n",
		"a quote that does not end": "-- \"f 0644 --\n",
		"content of a folder":       "-- d/ --\nx\n",
		"no line of a file":         "etc/motd hello\n",
		"content of what is a link": "-- l -> x --\nx\n",
	} {
		if _, err := Parse(text); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
