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
		{"but not as the default of the type", "commit=5", live("relatime"), nil, host.Mount{}},
		{"which has to be one", "commit=5", live("relatime", "commit=30"), []string{"commit=5"}, host.Mount{}},
		{"the last of two", "commit=5,commit=30", live("relatime", "commit=30"), nil, host.Mount{}},
		{"a number that is shown as a word", "hidepid=2", live("relatime", "hidepid=invisible"), nil, host.Mount{}},
		{"another", "hidepid=2", live("relatime", "hidepid=noaccess"), []string{"hidepid=2"}, host.Mount{}},
		{"a part, from the top", "subvol=@home", live("relatime", "subvol=/@home"), nil, host.Mount{}},
		{"another part", "subvol=@home", live("relatime", "subvol=/@"), []string{"subvol=@home"}, host.Mount{}},
		{"without its level", "compress=zstd", live("relatime", "compress=zstd:3"), nil, host.Mount{}},
		{"another level", "compress=zstd:1", live("relatime", "compress=zstd:3"), []string{"compress=zstd:1"}, host.Mount{}},
		{"without its minor version", "vers=4", live("relatime", "vers=4.2"), nil, host.Mount{}},
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

// What the live mount cannot show is tried when it is new in the entry.
func TestUntried(t *testing.T) {
	for _, tc := range []struct {
		name, had, declared string
		want                []string
	}{
		{"no entry", "", "defaults,bogus,noatime", []string{"bogus"}},
		{"as before", "acl", "noatime,acl", nil},
		{"new", "defaults", "defaults,acl,data=journal", []string{"acl", "data=journal"}},
		{"gone", "acl,noatime", "noatime", nil},
		{"shown, whatever its value", "defaults", "commit=5,discard", nil},
		{"flags", "defaults", "ro,nosuid,strictatime,dirsync,users,atime", nil},
		{"of user space alone", "defaults", "x-systemd.automount,X-mount.mkdir,nofail,_netdev,noauto,comment=x,loop,offset=512,,", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, Untried(tc.had, tc.declared, live("commit=30", "discard"))); diff != "" {
				t.Error(diff)
			}
		})
	}
}
