package options

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
)

func live(options ...string) host.Mount {
	return host.Mount{FSType: "ext4", Options: append([]string{"rw"}, options...), SuperOptions: []string{"rw"}}
}

func TestLacking(t *testing.T) {
	sized := host.Mount{Options: []string{"rw", "relatime"}, SuperOptions: []string{"rw", "size=1048576k"}}
	for _, tc := range []struct {
		name, options string
		live          host.Mount
		want          []string
	}{
		{"defaults", "defaults", live("relatime"), nil},
		{"defaults say rw, exec, suid, dev", "defaults", live("nosuid", "nodev", "noexec", "relatime"), []string{"suid", "dev", "exec"}},
		{"user implies three", "user,exec", live("nosuid", "nodev", "relatime"), nil},
		{"access times", "noatime", live("relatime"), []string{"noatime"}},
		{"strictatime is not shown", "strictatime", live(), nil},
		{"sizes by their bytes", "size=1G", sized, nil},
		{"another size", "size=2G", sized, []string{"size=2G"}},
		{"a value that is shown whenever it is set", "commit=30", live("relatime"), []string{"commit=30"}},
		{"what is not shown as a default says nothing", "user_xattr,acl,barrier=1", live("relatime"), nil},
		{"of user space alone", "x-systemd.automount,nofail,_netdev,noauto,comment=x", live("relatime"), nil},
		{"bind mounts have their source's flags", "bind", live("nosuid", "noatime"), nil},
		{"but a declared one is compared", "bind,ro", live("relatime"), []string{"ro"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, Lacking(tc.options, tc.live)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
