package inode

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestACLWithMode(t *testing.T) {
	const (
		version   = "\x02\x00\x00\x00"
		none      = "\xff\xff\xff\xff"
		daemon    = "\x02\x00\x07\x00\x01\x00\x00\x00"
		groupObj7 = "\x04\x00\x07\x00" + none
	)
	for name, c := range map[string]struct {
		acl  string
		mode uint32
		want string
	}{
		"the mask takes the group's bits": {
			version + "\x01\x00\x07\x00" + none + daemon + groupObj7 + "\x10\x00\x07\x00" + none + "\x20\x00\x07\x00" + none, 0o640,
			version + "\x01\x00\x06\x00" + none + daemon + groupObj7 + "\x10\x00\x04\x00" + none + "\x20\x00\x00\x00" + none,
		},
		"without a mask the group itself": {
			version + "\x01\x00\x07\x00" + none + groupObj7 + "\x20\x00\x07\x00" + none, 0o4751,
			version + "\x01\x00\x07\x00" + none + "\x04\x00\x05\x00" + none + "\x20\x00\x01\x00" + none,
		},
		"what is no ACL": {version + "\x01\x00", 0o777, version + "\x01\x00"},
	} {
		t.Run(name, func(t *testing.T) {
			before := []byte(c.acl)
			if diff := cmp.Diff(c.want, string(aclWithMode(before, c.mode))); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if string(before) != c.acl {
				t.Error("the caller's value was changed")
			}
		})
	}
}
