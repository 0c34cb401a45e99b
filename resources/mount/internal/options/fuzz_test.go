package options

import (
	"slices"
	"strings"
	"testing"

	"github.com/nodeapply/apply/host"
)

// FuzzLacking: options of a live mount that has each declared one, the last of those that exclude each other, lack nothing; those of a remount say
// the same when they are read again.
func FuzzLacking(f *testing.F) {
	f.Add("defaults,noatime", "rw,relatime")
	f.Add("ro,rw,user,size=1G,x-systemd.automount,comment=a", "ro,size=1048576k")
	f.Add("rbind,ro,,=,commit=", "rw,commit=5")
	f.Add("size=9999999999999999999t,size=-1k", "size=0x1")
	f.Fuzz(func(t *testing.T, declared, shown string) {
		is := host.Mount{FSType: "ext4", Options: strings.Split(shown, ","), SuperOptions: strings.Split(shown, ",")}
		for _, lacks := range Lacking(declared, is, host.Mount{}) {
			if strings.HasPrefix(lacks, "x-") {
				t.Errorf("%q, shown %q: the kernel cannot have %q", declared, shown, lacks)
			}
		}
		once := Remount(declared, host.Mount{})
		if again := Remount(strings.Join(once, ","), host.Mount{}); !slices.Equal(once, again) {
			t.Errorf("%q is remounted with %q, and that with %q", declared, once, again)
		}
	})
}
