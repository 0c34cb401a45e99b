package options

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
)

func live(options ...string) host.Mount {
	return host.Mount{FSType: "ext4", Options: append([]string{"rw"}, options...), SuperOptions: []string{"rw"}}
}

// A remount says every flag: a bind mount keeps those of its origin, and gets rid of others.
func TestRemount(t *testing.T) {
	for _, tt := range []struct {
		name, options string
		origin        []string
		want          []string
	}{
		{"all are said", "defaults,noatime,x-systemd.automount", nil, []string{"rw", "suid", "dev", "exec", "async", "noatime"}},
		{"and the default ones", "nosuid", nil, []string{"nosuid", "rw", "dev", "exec", "relatime"}},
		{"bind", "bind", []string{"rw", "relatime"}, []string{"rw", "suid", "dev", "exec", "relatime", "bind"}},
		{"bind, as its origin", "bind,noexec", []string{"ro", "nosuid", "noatime"}, []string{"noexec", "ro", "nosuid", "dev", "noatime", "bind"}},
		{"bind, unlike its origin", "rbind,rw,suid,strictatime", []string{"ro", "nosuid", "noatime"}, []string{"rw", "suid", "strictatime", "dev", "exec", "bind"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, Remount(tt.options, host.Mount{Point: "/", Options: tt.origin})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLacking(t *testing.T) {
	sized := host.Mount{Options: []string{"rw", "relatime"}, SuperOptions: []string{"rw", "size=1048576k"}}
	from := func(options ...string) host.Mount { return host.Mount{Point: "/", Options: options} }
	for _, tc := range []struct {
		name, options string
		live          host.Mount
		want          []string
		origin        host.Mount
	}{
		{"defaults", "defaults", live("relatime"), nil, host.Mount{}},
		{"defaults say rw, exec, suid, dev", "defaults", live("nosuid", "nodev", "noexec", "relatime"), []string{"suid", "dev", "exec"}, host.Mount{}},
		{"user implies three", "user,exec", live("nosuid", "nodev", "relatime"), nil, host.Mount{}},
		{"access times", "noatime", live("relatime"), []string{"noatime"}, host.Mount{}},
		{"strictatime is not shown", "strictatime", live(), nil, host.Mount{}},
		{"sizes by their bytes", "size=1G", sized, nil, host.Mount{}},
		{"another size", "size=2G", sized, []string{"size=2G"}, host.Mount{}},
		{"a value that is shown whenever it is set", "commit=30", live("relatime"), []string{"commit=30"}, host.Mount{}},
		{"what is not shown as a default says nothing", "user_xattr,acl,barrier=1", live("relatime"), nil, host.Mount{}},
		{"of user space alone", "x-systemd.automount,nofail,_netdev,noauto,comment=x", live("relatime"), nil, host.Mount{}},
		{"bind mounts have their source's flags", "bind", live("nosuid", "noatime"), nil, host.Mount{}},
		{"but a declared one is compared", "bind,ro", live("relatime"), []string{"ro"}, host.Mount{}},
		{"bind mounts have no more than their source's flags", "bind", host.Mount{Options: []string{"ro", "nosuid", "noatime"}}, []string{"rw", "suid", "relatime"}, from("rw", "relatime")},
		{"but those", "bind", host.Mount{Options: []string{"ro", "nosuid", "noatime"}}, nil, from("ro", "nosuid", "noatime")},
		{"a source that got one later", "rbind", live("relatime"), nil, from("ro", "nosuid", "noatime")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, Lacking(tc.options, tc.live, tc.origin)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
