package puppet

const (
	hostsThere = `cat >/etc/hosts <<'END'
# made by hand
127.0.0.1	localhost
::1		localhost ip6-localhost	# loopback

10.0.0.1   db.example.com   db   # the old one
10.0.0.9 other
END
`
	fstabThere = `cat >/etc/fstab <<'END'
# made by hand
UUID=1234-5678  /          ext4  errors=remount-ro  0  1

tmpfs	/w/m	tmpfs	size=1m,noexec	0	0
/dev/sdx1 none swap sw 0 0 # swap
END
mkdir -p m n
`
	tabThere = `crontab - <<'END'
# made by hand
MAILTO=ops

5 4 * * * /bin/hand
@reboot /bin/start
# Puppet Name: mine
10 2 * * 1 /bin/mine
# Puppet Name: with
LANG=C
0 0 1 * * /bin/with
END
`
	key1      = "AAAAC3NzaC1lZDI1NTE5AAAAIDtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
	key2      = "AAAAC3NzaC1lZDI1NTE5AAAAIBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"
	keysThere = `install -d -m 700 -o ann -g ann /home/ann/.ssh
cat >/home/ann/.ssh/authorized_keys <<'END'
# made by hand
no-pty ssh-ed25519 ` + key1 + ` one

ssh-ed25519 ` + key2 + ` two words
END
chown ann:ann /home/ann/.ssh/authorized_keys; chmod 600 /home/ann/.ssh/authorized_keys
`
)

var entries = []pair{
	{name: "host: new", puppet: `host { 'db.example.com': ip => '10.0.0.1' }`},
	{name: "host: new with aliases", start: hostsThere, puppet: `host { 'web.example.com': ip => '10.0.0.2', host_aliases => ['web', 'www'] }`},
	{name: "host: new with one alias", start: hostsThere, puppet: `host { 'web.example.com': ip => '10.0.0.2', host_aliases => 'web' }`},
	{name: "host: new with a comment", start: hostsThere, puppet: `host { 'web': ip => '10.0.0.2', comment => 'the web' }`},
	{name: "host: is there", start: hostsThere, puppet: `host { 'db.example.com': ip => '10.0.0.1', host_aliases => ['db'] }`},
	{name: "host: another address", start: hostsThere, puppet: `host { 'db.example.com': ip => '10.0.0.77' }`},
	{name: "host: other aliases", start: hostsThere, puppet: `host { 'db.example.com': ip => '10.0.0.1', host_aliases => ['db1', 'db2'] }`},
	{name: "host: no aliases", start: hostsThere, puppet: `host { 'db.example.com': ip => '10.0.0.1', host_aliases => [] }`},
	{name: "host: aliases in another order", start: "printf '10.0.0.1 db a b\\n' >/etc/hosts", puppet: `host { 'db': ip => '10.0.0.1', host_aliases => ['b', 'a'] }`,
		differs: map[string]string{"/etc/hosts": `file 0644 0:0 "10.0.0.1 db b a\n", file 0644 0:0 "10.0.0.1 db a b\n"`, "host[db]": "changed, unchanged"},
		why:     "the order of further names means nothing"},
	{name: "host: another comment", start: hostsThere, puppet: `host { 'db.example.com': ip => '10.0.0.1', comment => 'the new one' }`},
	{name: "host: aliases alone", start: hostsThere, puppet: `host { 'db.example.com': host_aliases => ['data'] }`},
	{name: "host: absent", start: hostsThere, puppet: `host { 'db.example.com': ensure => absent }`},
	{name: "host: absent, with the address", start: hostsThere, puppet: `host { 'db.example.com': ensure => absent, ip => '10.0.0.1' }`},
	{name: "host: absent, an alias", start: hostsThere, puppet: `host { 'db': ensure => absent }`},
	{name: "host: absent, not there", start: hostsThere, puppet: `host { 'web': ensure => absent }`},
	{name: "host: absent, of both kinds", start: "printf '10.0.0.1 db\\nfd00::1 db\\n10.0.0.2 x\\n' >/etc/hosts", puppet: `host { 'db': ensure => absent }`,
		differs: map[string]string{"/etc/hosts": `file 0644 0:0 "10.0.0.1 db\n10.0.0.2 x\n", file 0644 0:0 "10.0.0.2 x\n"`},
		why:     "a name that is absent has no address of either kind; Puppet removes the last line of it"},
	{name: "host: an alias is a name of its own", start: hostsThere, puppet: `host { 'db': ip => '10.0.0.5' }`},
	{name: "host: of version 6", puppet: `host { 'db': ip => 'fd00::1' }`},
	{name: "host: in another file", start: "printf '10.0.0.9 x\\n' >hosts", puppet: `host { 'db': ip => '10.0.0.1', target => '/w/hosts' }`},
	{name: "host: in another file that is not there", puppet: `host { 'db': ip => '10.0.0.1', target => '/w/hosts' }`,
		differs: map[string]string{"/w/hosts": `file 0600 0:0 "10.0.0.1 db\n", file 0644 0:0 "10.0.0.1 db\n"`},
		why:     "a new file is 0644"},
	{name: "host: no address", puppet: `host { 'db': host_aliases => ['x'] }`},
	{name: "host: no such address", puppet: `host { 'db': ip => '10.0.0.256' }`},
	{name: "host: no such name", puppet: `host { 'a b': ip => '10.0.0.1' }`},
	{name: "host: alias with a space", puppet: `host { 'db': ip => '10.0.0.1', host_aliases => ['a b'] }`},
	{name: "host: file without an end of line", start: "printf '10.0.0.9 x' >/etc/hosts", puppet: `host { 'db': ip => '10.0.0.1' }`},
	{name: "host: file is not there", start: "rm /etc/hosts", puppet: `host { 'db': ip => '10.0.0.1' }`,
		differs: map[string]string{"/etc/hosts": `nothing, file 0644 0:0 "10.0.0.1 db\n"`, "host[db]": "nothing, changed", "manifest": "refused, nothing"},
		why:     "the file is made; Puppet has no provider for hosts where /etc/hosts is not there"},
	{name: "host: name of capitals", start: "printf '10.0.0.1 DB\\n' >/etc/hosts", puppet: `host { 'DB': ip => '10.0.0.1' }`},
	{name: "host: several", start: hostsThere, puppet: `Host { comment => 'c' } host { 'a': ip => '10.0.0.11' } host { 'b': ip => '10.0.0.12', require => Host['a'] }`},
	{name: "host: notify", start: hostsThere, puppet: `host { 'a': ip => '10.0.0.11', notify => Exec['n'] } exec { 'n': command => ['/bin/touch', '/w/notified'], refreshonly => true }`},
	{name: "host: mode of the file stays", start: hostsThere + "chmod 640 /etc/hosts; chgrp 50 /etc/hosts", puppet: `host { 'a': ip => '10.0.0.11' }`},

	{name: "cron: new", puppet: `cron { 'job': command => '/bin/job', hour => 2, minute => 30 }`},
	{name: "cron: new in a table", start: tabThere, puppet: `cron { 'job': command => '/bin/job', hour => 2, minute => 30 }`},
	{name: "cron: every minute", puppet: `cron { 'job': command => '/bin/job' }`},
	{name: "cron: lists, ranges and steps", puppet: `cron { 'job': command => '/bin/job', minute => '*/5', hour => ['2-4', 6], monthday => [1, 15], month => [1, 7], weekday => '1-5' }`},
	{name: "cron: names of days", puppet: `cron { 'job': command => '/bin/job', minute => 0, weekday => 'Monday' }`},
	{name: "cron: names of months", puppet: `cron { 'job': command => '/bin/job', minute => 0, month => ['jan', 'December'] }`},
	{name: "cron: Sunday is 7", puppet: `cron { 'job': command => '/bin/job', minute => 0, weekday => 7 }`},
	{name: "cron: special", puppet: `cron { 'job': command => '/bin/job', special => daily }`},
	{name: "cron: special of reboot", puppet: `cron { 'job': command => '/bin/job', special => 'reboot' }`},
	{name: "cron: special and a time", puppet: `cron { 'job': command => '/bin/job', special => daily, hour => 2 }`},
	{name: "cron: is there", start: tabThere, puppet: `cron { 'mine': command => '/bin/mine', minute => 10, hour => 2, weekday => 1 }`},
	{name: "cron: is there, the day by its name", start: tabThere, puppet: `cron { 'mine': command => '/bin/mine', minute => 10, hour => 2, weekday => 'mon' }`},
	{name: "cron: another time", start: tabThere, puppet: `cron { 'mine': command => '/bin/mine', minute => 11, hour => 3 }`},
	{name: "cron: another command", start: tabThere, puppet: `cron { 'mine': command => '/bin/other' }`},
	{name: "cron: time is taken away", start: tabThere, puppet: `cron { 'mine': command => '/bin/mine', minute => 10, hour => absent, weekday => '*' }`},
	{name: "cron: from a time to special", start: tabThere, puppet: `cron { 'mine': command => '/bin/mine', special => hourly }`},
	{name: "cron: environment", start: tabThere, puppet: `cron { 'job': command => '/bin/job', minute => 1, environment => ['A=1', 'B=two words'] }`},
	{name: "cron: environment is there", start: tabThere, puppet: `cron { 'with': command => '/bin/with', minute => 0, hour => 0, monthday => 1, environment => 'LANG=C' }`},
	{name: "cron: another environment", start: tabThere, puppet: `cron { 'with': command => '/bin/with', minute => 0, hour => 0, monthday => 1, environment => ['LANG=C', 'X=y'] }`},
	{name: "cron: environment is left", start: tabThere, puppet: `cron { 'with': command => '/bin/with', minute => 5, hour => 0, monthday => 1 }`},
	{name: "cron: absent", start: tabThere, puppet: `cron { 'mine': ensure => absent }`},
	{name: "cron: absent with environment", start: tabThere, puppet: `cron { 'with': ensure => absent }`},
	{name: "cron: absent by command", start: tabThere, puppet: `cron { 'hand': ensure => absent, command => '/bin/hand' }`},
	{name: "cron: absent, not there", start: tabThere, puppet: `cron { 'job': ensure => absent }`},
	{name: "cron: absent, no table", puppet: `cron { 'job': ensure => absent }`},
	{name: "cron: absent, the last one", start: "printf '# Puppet Name: x\\n* * * * * /bin/x\\n' | crontab -", puppet: `cron { 'x': ensure => absent }`},
	{name: "cron: made by hand is taken over", start: tabThere, puppet: `cron { 'hand': command => '/bin/hand', minute => 5, hour => 4 }`,
		differs: map[string]string{"/var/spool/cron/crontabs/root": `file 0600 0:101 "# made by hand\nMAILTO=ops\n\n5 4 * * * /bin/hand\n@reboot /bin/start\n# name: mine\n10 2 * * 1 /bin/mine\n# name: with\nLANG=C\n0 0 1 * * /bin/with\n", file 0600 0:101 "# made by hand\nMAILTO=ops\n\n# name: hand\n5 4 * * * /bin/hand\n@reboot /bin/start\n# name: mine\n10 2 * * 1 /bin/mine\n# name: with\nLANG=C\n0 0 1 * * /bin/with\n"`, "cron[hand]": "unchanged, changed"},
		why:     "a job that is taken over gets the comment by which it is found again"},
	{name: "cron: made by hand at another time", start: tabThere, puppet: `cron { 'hand': command => '/bin/hand', minute => 6, hour => 4 }`},
	{name: "cron: made by hand, no time is declared", start: tabThere, puppet: `cron { 'hand': command => '/bin/hand', weekday => 3 } cron { 'start': command => '/bin/start' }`,
		differs: map[string]string{"/var/spool/cron/crontabs/root": `file 0600 0:101 "# made by hand\nMAILTO=ops\n\n5 4 * * * /bin/hand\n@reboot ...`, "cron[start]": "unchanged, changed"},
		why:     "a job that is taken over gets the comment by which it is found again"},
	{name: "cron: made by hand, environment", start: tabThere, puppet: `cron { 'hand': command => '/bin/hand', minute => 5, environment => 'A=1' }`,
		differs: map[string]string{"/var/spool/cron/crontabs/root": `file 0600 0:101 "# made by hand\nMAILTO=ops\n\nA=1\n5 4 * * * /bin/hand\n@reboot ...`},
		why:     "a job that is taken over gets the comment by which it is found again"},
	{name: "cron: of a user", puppet: `cron { 'job': command => '/bin/job', user => ann, minute => 1 }`},
	{name: "cron: of a user who is not there", puppet: `cron { 'job': command => '/bin/job', user => nobody-here, minute => 1 }`},
	{name: "cron: of a user of the manifest", puppet: `cron { 'job': command => '/bin/job', user => eve, minute => 1 } user { 'eve': ensure => present, uid => 2010 }`},
	{name: "cron: name with spaces and dots", puppet: `cron { 'my job, v1.2: größe': command => '/bin/job', minute => 1 }`},
	{name: "cron: command with %", puppet: `cron { 'job': command => 'date +\%F | tee "a b"', minute => 1 }`},
	{name: "cron: command of several lines", puppet: `cron { 'job': command => "/bin/a\n/bin/b", minute => 1 }`,
		differs: map[string]string{"cron[job]": "changed, nothing", "manifest": "nothing, refused"},
		why:     "a command is one line; Puppet reports a change, and crontab refuses the table"},
	{name: "cron: minute out of bounds", puppet: `cron { 'job': command => '/bin/job', minute => 60 }`},
	{name: "cron: no such day", puppet: `cron { 'job': command => '/bin/job', weekday => 'someday' }`},
	{name: "cron: numbers as strings", start: tabThere, puppet: `cron { 'mine': command => '/bin/mine', minute => '10', hour => '02', weekday => '1' }`,
		differs: map[string]string{"/var/spool/cron/crontabs/root": `file 0600 0:101 "# made by hand\nMAILTO=ops\n\n5 4 * * * /bin/hand\n@reboot /bin/start\n# name: mine\n10 02 * * 1 /bin/mine\n# name: with\nLANG=C\n0 0 1 * * /bin/with\n", file 0600 0:101 "# made by hand\nMAILTO=ops\n\n5 4 * * * /bin/hand\n@reboot /bin/start\n# name: mine\n10 2 * * 1 /bin/mine\n# name: with\nLANG=C\n0 0 1 * * /bin/with\n"`, "cron[mine]": "changed, unchanged"},
		why:     "02 is the same hour as 2"},
	{name: "cron: no command", puppet: `cron { 'job': minute => 1 }`,
		differs: map[string]string{"cron[job]": "changed, nothing", "manifest": "nothing, refused", "/var/spool/cron/crontabs/root": `file 0600 0:101 "", nothing`},
		why:     "a job without a command is a mistake of the manifest; Puppet reports that it is made"},
	{name: "cron: the same entry twice", start: "printf '# Puppet Name: x\\n1 * * * * /bin/x\\n# Puppet Name: x\\n1 * * * * /bin/x\\n' | crontab -", puppet: `cron { 'x': command => '/bin/x', minute => 1 }`,
		differs: map[string]string{"/var/spool/cron/crontabs/root": `file 0600 0:101 "# name: x\n1 * * * * /bin/x\n# name: x\n1 * * * * /bin/x\n", file 0600 0:101 "# name: x\n1 * * * * /bin/x\n"`, "cron[x]": "unchanged, changed"},
		why:     "one job is declared, and twice it would run twice"},
	{name: "cron: the same entry twice, absent", start: "printf '# Puppet Name: x\\n1 * * * * /bin/x\\n# Puppet Name: x\\n1 * * * * /bin/x\\n2 * * * * /bin/y\\n' | crontab -", puppet: `cron { 'x': ensure => absent }`,
		differs: map[string]string{"/var/spool/cron/crontabs/root": `file 0600 0:101 "# name: x\n1 * * * * /bin/x\n2 * * * * /bin/y\n", file 0600 0:101 "2 * * * * /bin/y\n"`},
		why:     "a job that is absent is nowhere in the table"},
	{name: "cron: two jobs", start: tabThere, puppet: `cron { 'a': command => '/bin/a', minute => 1 } cron { 'b': command => '/bin/b', minute => 2, require => Cron['a'] }`},
	{name: "cron: notify", start: tabThere, puppet: `cron { 'mine': command => '/bin/mine', minute => 12, notify => Exec['n'] } exec { 'n': command => ['/bin/touch', '/w/notified'], refreshonly => true }`},

	{name: "mount: entry", start: fstabThere, puppet: `mount { '/w/n': ensure => present, device => '/dev/sdz1', fstype => 'ext4', options => 'noatime' }`},
	{name: "mount: entry, all of it", start: fstabThere, puppet: `mount { '/w/n': ensure => present, device => 'UUID=abcd', fstype => 'xfs', options => 'noatime,nofail', dump => 1, pass => 2 }`},
	{name: "mount: entry without options", start: fstabThere, puppet: `mount { '/w/n': ensure => present, device => '/dev/sdz1', fstype => 'ext4' }`},
	{name: "mount: entry is there", start: fstabThere, puppet: `mount { '/w/m': ensure => present, device => 'tmpfs', fstype => 'tmpfs', options => 'size=1m,noexec' }`},
	{name: "mount: entry with other options", start: fstabThere, puppet: `mount { '/w/m': ensure => present, device => 'tmpfs', fstype => 'tmpfs', options => 'size=2m' }`},
	{name: "mount: entry keeps its options", start: fstabThere, puppet: `mount { '/w/m': ensure => present, device => 'tmpfs', fstype => 'tmpfs', pass => 2 }`},
	{name: "mount: entry with another device", start: fstabThere, puppet: `mount { '/w/m': ensure => present, device => 'none', fstype => 'tmpfs' }`},
	{name: "mount: entry with a space", start: fstabThere + "mkdir 'a b'", puppet: `mount { '/w/a b': ensure => present, device => '/dev/sdz1', fstype => 'ext4' }`},
	{name: "mount: entry with a slash at its end", start: fstabThere, puppet: `mount { '/w/n/': ensure => present, device => '/dev/sdz1', fstype => 'ext4' }`},
	{name: "mount: entry without a device", start: fstabThere, puppet: `mount { '/w/n': ensure => present, fstype => 'ext4' }`},
	{name: "mount: entry, remote", start: fstabThere, puppet: `mount { '/w/n': ensure => present, device => 'server:/export', fstype => 'nfs', options => 'ro' }`},
	{name: "mount: entry absent", start: fstabThere, puppet: `mount { '/w/m': ensure => absent }`},
	{name: "mount: entry absent, not there", start: fstabThere, puppet: `mount { '/w/n': ensure => absent }`},
	{name: "mount: entry absent and mounted", start: fstabThere + "mount -t tmpfs x m", puppet: `mount { '/w/m': ensure => absent }`},
	{name: "mount: mounted", start: fstabThere, puppet: `mount { '/w/n': ensure => mounted, device => 'tmpfs', fstype => 'tmpfs', options => 'noexec,nosuid' }`},
	{name: "mount: mounted, entry is there", start: fstabThere, puppet: `mount { '/w/m': ensure => mounted, device => 'tmpfs', fstype => 'tmpfs', options => 'size=1m,noexec' }`},
	{name: "mount: mounted, is so", start: fstabThere + "mount m", puppet: `mount { '/w/m': ensure => mounted, device => 'tmpfs', fstype => 'tmpfs', options => 'size=1m,noexec' }`},
	{name: "mount: mounted, no entry", start: fstabThere + "mount -t tmpfs -o noexec tmpfs n", puppet: `mount { '/w/n': ensure => mounted, device => 'tmpfs', fstype => 'tmpfs', options => 'noexec' }`},
	{name: "mount: mounted, other options", start: fstabThere + "mount m", puppet: `mount { '/w/m': ensure => mounted, device => 'tmpfs', fstype => 'tmpfs', options => 'size=1m,nosuid' }`},
	{name: "mount: mounted with other options than its entry has", start: fstabThere + "mount -t tmpfs -o nosuid tmpfs m", puppet: `mount { '/w/m': ensure => mounted, device => 'tmpfs', fstype => 'tmpfs', options => 'size=1m,noexec' }`,
		differs: map[string]string{"mount /w/m": "tmpfs tmpfs nosuid,relatime,rw, tmpfs tmpfs noexec,relatime,rw", "mount[/w/m]": "unchanged, changed"},
		why:     "an option that the live mount lacks is drift"},
	{name: "mount: mounted, the folder is not there", start: fstabThere, puppet: `mount { '/w/none': ensure => mounted, device => 'tmpfs', fstype => 'tmpfs' }`,
		differs: map[string]string{"/etc/fstab": `file 0644 0:0 "# made by hand\nUUID=1234-5678 / ext4 errors=remount-ro 0 1\n\ntmpfs /w/m tmpfs size=1m,noexec 0 0\n/dev/sdx1 none swap sw 0 0 # swap\ntmpfs /w/none tmpfs defaults 0 0\n", file 0644 0:0 "# made by hand\nUUID=1234-5678 / ext4 errors=remount-ro 0 1\n\ntmpfs /w/m tmpfs size=1m,noexec 0 0\n/dev/sdx1 none swap sw 0 0 # swap\n"`},
		why:     "a mount that fails is no change: fstab stays, so that the next boot is safe"},
	{name: "mount: mounted, it fails", start: fstabThere, puppet: `mount { '/w/n': ensure => mounted, device => '/dev/nothing', fstype => 'ext4' }`,
		differs: map[string]string{"/etc/fstab": `file 0644 0:0 "# made by hand\nUUID=1234-5678 / ext4 errors=remount-ro 0 1\n\ntmpfs /w/m tmpfs size=1m,noexec 0 0\n/dev/sdx1 none swap sw 0 0 # swap\n/dev/nothing /w/n ext4 defaults 0 0\n", file 0644 0:0 "# made by hand\nUUID=1234-5678 / ext4 errors=remount-ro 0 1\n\ntmpfs /w/m tmpfs size=1m,noexec 0 0\n/dev/sdx1 none swap sw 0 0 # swap\n"`},
		why:     "a mount that fails is no change: fstab stays, so that the next boot is safe"},
	{name: "mount: mounted, the folder is of the manifest", start: fstabThere, puppet: `mount { '/w/z': ensure => mounted, device => 'tmpfs', fstype => 'tmpfs' } file { '/w/z': ensure => directory } file { '/w/z/f': content => 'x' }`,
		differs: map[string]string{"/w/z": "folder 0755 0:0 , folder 1777 0:0 ", "/w/z/f": `nothing, file 0644 0:0 "x"`, "file[/w/z/f]": "skipped, changed", "mount /w/z": "nothing, tmpfs tmpfs relatime,rw", "mount[/w/z]": "failed, changed"},
		why:     "the folder of a mount point comes before it by itself"},
	{name: "mount: unmounted", start: fstabThere + "mount m", puppet: `mount { '/w/m': ensure => unmounted, device => 'tmpfs', fstype => 'tmpfs' }`},
	{name: "mount: unmounted, no entry", start: fstabThere, puppet: `mount { '/w/n': ensure => unmounted, device => 'tmpfs', fstype => 'tmpfs' }`},
	{name: "mount: unmounted, is so", start: fstabThere, puppet: `mount { '/w/m': ensure => unmounted, device => 'tmpfs', fstype => 'tmpfs' }`},
	{name: "mount: bind", start: fstabThere + "mkdir s; touch s/x", puppet: `mount { '/w/n': ensure => mounted, device => '/w/s', fstype => 'none', options => 'bind' }`},
	{name: "mount: notified", start: fstabThere + "mount m", puppet: `exec { 'a': command => ['/bin/true'], notify => Mount['/w/m'] } mount { '/w/m': ensure => mounted, device => 'tmpfs', fstype => 'tmpfs', options => 'size=1m,noexec' }`},
	{name: "mount: notified, by unmounting", start: fstabThere + "mount m; touch m/x", puppet: `exec { 'a': command => ['/bin/true'], notify => Mount['/w/m'] } mount { '/w/m': ensure => mounted, device => 'tmpfs', fstype => 'tmpfs', options => 'size=1m,noexec', remounts => false }`},
	{name: "mount: notified, not mounted", start: fstabThere, puppet: `exec { 'a': command => ['/bin/true'], notify => Mount['/w/m'] } mount { '/w/m': ensure => unmounted, device => 'tmpfs', fstype => 'tmpfs', options => 'size=1m,noexec' }`,
		differs: map[string]string{"mount[/w/m]": "refreshed, unchanged"},
		why:     "neither remounts what is not mounted; Puppet counts that as a refresh"},
	{name: "mount: notified, entry only", start: fstabThere + "mount m", puppet: `exec { 'a': command => ['/bin/true'], notify => Mount['/w/m'] } mount { '/w/m': ensure => present, device => 'tmpfs', fstype => 'tmpfs', options => 'size=1m,noexec' }`},

	{name: "authorized_key: new", puppet: `ssh_authorized_key { 'ann@laptop': ensure => present, user => ann, type => 'ssh-ed25519', key => '` + key1 + `' }`},
	{name: "authorized_key: new beside others", start: keysThere, puppet: `ssh_authorized_key { 'new': user => ann, type => 'ssh-ed25519', key => 'AAAAC3NzaC1lZDI1NTE5AAAAICCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC' }`},
	{name: "authorized_key: short type", puppet: `ssh_authorized_key { 'k': user => ann, type => 'ed25519', key => '` + key1 + `' }`},
	{name: "authorized_key: options", puppet: `ssh_authorized_key { 'k': user => ann, type => 'ssh-ed25519', key => '` + key1 + `', options => ['no-pty', 'from="10.0.0.0/8,10.1.0.1"', 'command="/bin/a \"b c\""'] }`},
	{name: "authorized_key: one option", puppet: `ssh_authorized_key { 'k': user => ann, type => 'ssh-ed25519', key => '` + key1 + `', options => 'no-pty' }`},
	{name: "authorized_key: is there", start: keysThere, puppet: `ssh_authorized_key { 'one': user => ann, type => 'ssh-ed25519', key => '` + key1 + `', options => 'no-pty' }`},
	{name: "authorized_key: options stay", start: keysThere, puppet: `ssh_authorized_key { 'one': user => ann, type => 'ssh-ed25519', key => '` + key1 + `' }`,
		differs: map[string]string{"/home/ann/.ssh/authorized_keys": `file 0600 2001:2001 "# made by hand\nssh-ed25519 ...`, "authorized_key[one]": "changed, unchanged"},
		why:     "what is not set is not managed; Puppet takes the options away"},
	{name: "authorized_key: other options", start: keysThere, puppet: `ssh_authorized_key { 'one': user => ann, type => 'ssh-ed25519', key => '` + key1 + `', options => ['no-X11-forwarding'] }`},
	{name: "authorized_key: options are taken away", start: keysThere, puppet: `ssh_authorized_key { 'one': user => ann, type => 'ssh-ed25519', key => '` + key1 + `', options => [] }`,
		differs: map[string]string{"/home/ann/.ssh/authorized_keys": `file 0600 2001:2001 "# made by hand\nno-pty ssh-ed25519 ...`, "authorized_key[one]": "unchanged, changed"},
		why:     "an empty list is a value: no options"},
	{name: "authorized_key: new key of a name", start: keysThere, puppet: `ssh_authorized_key { 'one': user => ann, type => 'ssh-ed25519', key => 'AAAAC3NzaC1lZDI1NTE5AAAAICCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC' }`,
		differs: map[string]string{"/home/ann/.ssh/authorized_keys": `file 0600 2001:2001 "# made by hand\nssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICCCC...`},
		why:     "what is not set is not managed; Puppet takes the options away"},
	{name: "authorized_key: name with a space", start: keysThere, puppet: `ssh_authorized_key { 'two words': user => ann, type => 'ssh-ed25519', key => '` + key2 + `' }`},
	{name: "authorized_key: known key by another name", start: keysThere, puppet: `ssh_authorized_key { 'renamed': user => ann, type => 'ssh-ed25519', key => '` + key2 + `' }`,
		differs: map[string]string{"/home/ann/.ssh/authorized_keys": `file 0600 2001:2001 "# made by hand\nno-pty ssh-ed25519 ...`},
		why:     "a key has one line, that of the name that is declared: by another it would let in whom the declared options keep out"},
	{name: "authorized_key: absent", start: keysThere, puppet: `ssh_authorized_key { 'one': ensure => absent, user => ann }`},
	{name: "authorized_key: absent, with the key", start: keysThere, puppet: `ssh_authorized_key { 'one': ensure => absent, user => ann, type => 'ssh-ed25519', key => '` + key1 + `' }`},
	{name: "authorized_key: absent, not there", start: keysThere, puppet: `ssh_authorized_key { 'three': ensure => absent, user => ann }`},
	{name: "authorized_key: absent, no file", puppet: `ssh_authorized_key { 'three': ensure => absent, user => ann }`},
	{name: "authorized_key: key with a space", puppet: `ssh_authorized_key { 'k': user => ann, type => 'ssh-ed25519', key => 'AAAA BBBB' }`},
	{name: "authorized_key: user who is not there", puppet: `ssh_authorized_key { 'k': user => nobody-here, type => 'ssh-ed25519', key => '` + key1 + `' }`},
	{name: "authorized_key: no user", puppet: `ssh_authorized_key { 'k': type => 'ssh-ed25519', key => '` + key1 + `' }`},
	{name: "authorized_key: user of the manifest", puppet: `ssh_authorized_key { 'k': user => eve, type => 'ssh-ed25519', key => '` + key1 + `' } user { 'eve': uid => 2010, managehome => true, home => '/home/eve' }`},
	{name: "authorized_key: mode of the file stays", start: keysThere + "chmod 640 /home/ann/.ssh/authorized_keys; chmod 755 /home/ann/.ssh", puppet: `ssh_authorized_key { 'one': ensure => absent, user => ann }`,
		differs: map[string]string{"/home/ann/.ssh/authorized_keys": "file 0600 2001:2001 ..."},
		why:     "a mode that is not declared is not managed"},
	{name: "authorized_key: last line without its end", start: keysThere + "printf 'ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQC last' >>/home/ann/.ssh/authorized_keys", puppet: `ssh_authorized_key { 'one': ensure => absent, user => ann }`,
		differs: map[string]string{"/home/ann/.ssh/authorized_keys": `file 0600 2001:2001 "# made by hand\n\nssh-ed25519 ...`},
		why:     "other lines keep their bytes"},

	{name: "host: comment with a number sign", start: hostsThere, puppet: `host { 'a': ip => '10.0.0.11', comment => 'no # 1' }`},
	{name: "host: no comment", start: hostsThere, puppet: `host { 'db.example.com': ip => '10.0.0.1', comment => '' }`},
	{name: "host: lines with CR LF", start: "printf '10.0.0.9 x\\r\\n10.0.0.1 db\\r\\n' >/etc/hosts", puppet: `host { 'db': ip => '10.0.0.2' }`,
		differs: map[string]string{"/etc/hosts": `file 0644 0:0 "10.0.0.9 x\r\n10.0.0.2 db\n", file 0644 0:0 "10.0.0.9 x\r\n10.0.0.2 db\r\n"`},
		why:     "a line keeps its end"},
	{name: "host: spelled otherwise, version 6", start: "printf 'fd00:0:0::1 db\\n' >/etc/hosts", puppet: `host { 'db': ip => 'fd00::1' }`,
		differs: map[string]string{"/etc/hosts": `file 0644 0:0 "fd00::1 db\n", file 0644 0:0 "fd00:0:0::1 db\n"`, "host[db]": "changed, unchanged"},
		why:     "it is the same address"},
}
