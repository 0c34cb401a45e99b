package system

import (
	"testing"

	"github.com/nodeapply/apply/host/osrelease"
)

// FuzzRelease: no file of a distribution ends the program.
func FuzzRelease(f *testing.F) {
	for _, s := range []string{
		"NAME=\"Debian GNU/Linux\"\nID=debian\nVERSION_ID='12'\nVERSION=\"12 (bookworm)\"\nID_LIKE=\"x debian\"\n",
		"CentOS release 6.10 (Final)", "Red Hat Enterprise Linux release 9.2", " release 1", "12345.67 1.0", "0.1 0.2 0.3 1/2 3", "ssh-rsa AAAA root@x",
	} {
		f.Add(s)
	}
	f.Fuzz(func(_ *testing.T, s string) {
		_ = releaseBy(osrelease.Parse(s)).version()
		_ = parseRedHat(s).version()
		_, _, _ = parseUptime(s), parseLoad(s), parseHostKey(s, 1)
	})
}
