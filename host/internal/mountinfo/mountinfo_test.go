package mountinfo_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host/internal/mountinfo"
)

const sample = `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue
40 36 0:50 / /a\040b\011c\012d\134e rw - fuse.sshfs me@host:/x\040y rw,user_id=0
41 36 0:51 / /m rw,relatime - tmpfs  rw
`

func TestParse(t *testing.T) {
	got, err := mountinfo.Parse(strings.NewReader(sample))
	if err != nil {
		t.Fatal(err)
	}
	want := []mountinfo.Mount{
		{36, 35, "98:0", "/mnt1", "/mnt2", []string{"rw", "noatime"}, "ext3", "/dev/root", []string{"rw", "errors=continue"}},
		{40, 36, "0:50", "/", "/a b\tc\nd\\e", []string{"rw"}, "fuse.sshfs", "me@host:/x y", []string{"rw", "user_id=0"}},
		{41, 36, "0:51", "/", "/m", []string{"rw", "relatime"}, "tmpfs", "", []string{"rw"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, line := range []string{"", "36 35 98:0 / / rw", "36 35 98:0 / / rw - ext3", "x 35 98:0 / / rw - ext3 a rw"} {
		if got, err := mountinfo.Parse(strings.NewReader(line + "\n")); err == nil {
			t.Errorf("%q: want an error, got %v", line, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(sample)
	f.Add(`1 2 3:4 / /\04 rw - a b c` + "\n")
	f.Fuzz(func(t *testing.T, s string) {
		got, err := mountinfo.Parse(strings.NewReader(s))
		if err != nil {
			return
		}
		if want := strings.Count(strings.TrimSuffix(s, "\n"), "\n") + 1; s != "" && len(got) != want {
			t.Errorf("want %d mounts, got %d", want, len(got))
		}
	})
}
