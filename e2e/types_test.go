package e2e

import (
	"context"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/e2e/lab"
	"github.com/nodeapply/apply/e2e/lab/image"
)

// someKey is the ed25519 key of the seed zero.
const someKey = "AAAAC3NzaC1lZDI1NTE5AAAAIDtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"

// typesManifest declares one of each of the types that Debian's base system has.
const typesManifest = `
group "devs" {
  gid = 2000
}

group "ops" {
  members = ["bob"]
}

user "bob" {
  uid        = 2001
  gid        = "devs"
  groups     = ["audio", "video"]
  home       = "/home/bob"
  managehome = true
  shell      = "/bin/bash"
  comment    = "Bob, the builder"
  password   = sensitive("$6$salt$4bXkGhP0fIh.hash")
  expiry     = "2031-01-15"
}

user "carol" {
  system = true
}

host "peer.example.com" {
  ip           = "10.77.0.99"
  host_aliases = ["peer"]
  comment      = "another node"
}

file "/etc/welcome" {
  content = "# welcome\n"
  replace = false
}

line "welcome" {
  path  = "/etc/welcome"
  line  = "be kind"
  after = "^# welcome"
}

authorized_key "bob@laptop" {
  user    = "bob"
  key     = "` + someKey + `"
  options = ["no-pty", "from=\"10.0.0.0/8\""]
}

cron "backup" {
  command     = "/bin/true --all"
  user        = "bob"
  minute      = "*/5"
  weekday     = ["mon", "fri"]
  environment = { MAILTO = "ops" }
}

cron "hello" {
  command = "/bin/true"
  special = "reboot"
}

sysctl "net.ipv4.ip_forward" {
  value = 1
}
`

// typesNode boots a node with cron, the program and disks.
func typesNode(t *testing.T, disks ...int64) *lab.Node {
	t.Helper()
	lab.Require(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	img, err := image.With(ctx, "cron")
	if err != nil {
		t.Fatal(err)
	}
	nodes, err := lab.New(t).Boot(ctx, lab.Spec{Name: "node1", Image: img, Disks: disks})
	if err != nil {
		t.Fatal(err)
	}
	if err := nodes[0].CopyBinary(ctx, lab.Binary(t)); err != nil {
		t.Fatal(err)
	}
	must(t, nodes[0], "mount -o remount,bind,rw /proc/sys") // the kernel of a node is not its own, only its network is
	return nodes[0]
}

// must runs a shell line in the node.
func must(t *testing.T, n *lab.Node, line string) string {
	t.Helper()
	out, err := n.Must(t.Context(), "sh", "-ec", line)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// apply converges a manifest and returns how each resource came out, by address, without those that are unchanged.
func apply(t *testing.T, n *lab.Node, manifest string) map[string]string {
	t.Helper()
	if err := n.Put(t.Context(), "/root/main.hcl", []byte(manifest), 0o644); err != nil {
		t.Fatal(err)
	}
	res, err := n.Run(t.Context(), "apply", "--json", "/root/main.hcl")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(res.Stdout+res.Stderr, "$6$salt") {
		t.Errorf("the password is shown:\n%s", res.Stdout)
	}
	if res.Code != 0 {
		t.Errorf("exit code %d\n%s%s", res.Code, res.Stdout, res.Stderr)
	}
	outcomes := map[string]string{}
	for line := range strings.Lines(res.Stdout) {
		var e struct{ Event, Address, Outcome string }
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if e.Event == "resource" && e.Outcome != "unchanged" {
			outcomes[e.Address] = e.Outcome
		}
	}
	return outcomes
}

// TestTypes takes a node through what the types of Debian's base system say, with the real programs.
func TestTypes(t *testing.T) {
	n := typesNode(t)
	if got := apply(t, n, typesManifest); len(got) != 11 {
		t.Errorf("first run: %v", got)
	}
	for line, want := range map[string]string{
		"getent passwd bob":                     "bob:x:2001:2000:Bob, the builder:/home/bob:/bin/bash\n",
		"getent group devs":                     "devs:x:2000:\n",
		"id -nG bob":                            "devs audio video ops\n",
		"stat -c %U:%G:%a /home/bob/.ssh":       "bob:devs:700\n",
		"stat -c %U:%a /home/bob/.ssh/*":        "bob:600\n",
		"cut -d: -f2,8 /etc/shadow | grep salt": "$6$salt$4bXkGhP0fIh.hash:22294\n",
		"id -nG carol":                          "carol\n",
		"getent hosts peer":                     "10.77.0.99      peer.example.com peer\n",
		"cat /etc/welcome":                      "# welcome\nbe kind\n",
		"crontab -u bob -l":                     "# apply: backup\nMAILTO=ops\n*/5 * * * 1,5 /bin/true --all\n",
		"crontab -l":                            "# apply: hello\n@reboot /bin/true\n",
		"cat /proc/sys/net/ipv4/ip_forward":     "1\n",
		"cat /home/bob/.ssh/authorized_keys":    `no-pty,from="10.0.0.0/8" ssh-ed25519 ` + someKey + " bob@laptop\n",
		"test $(id -u carol) -lt 1000":          "",
	} {
		if got := must(t, n, line); got != want {
			t.Errorf("%s: want %q, got %q", line, want, got)
		}
	}
	before := must(t, n, "stat -c '%n %i %z' /etc/passwd /etc/group /etc/shadow /etc/hosts /etc/welcome /home/bob/.ssh/* /var/spool/cron/crontabs/* /etc/sysctl.d/*")
	if got := apply(t, n, typesManifest); len(got) != 0 {
		t.Errorf("second run: %v", got)
	}
	if after := must(t, n, "stat -c '%n %i %z' /etc/passwd /etc/group /etc/shadow /etc/hosts /etc/welcome /home/bob/.ssh/* /var/spool/cron/crontabs/* /etc/sysctl.d/*"); after != before {
		t.Errorf("the second run touched files:\n%s\n%s", before, after)
	}

	for address, drift := range map[string]string{
		"user.bob":                      "usermod -s /bin/sh -e '' bob && gpasswd -d bob audio && echo bob:other | chpasswd",
		"group.devs":                    "groupmod -g 3000 devs",
		"group.ops":                     "gpasswd -d bob ops",
		`host["peer.example.com"]`:      "sed -i s/10.77.0.99/10.77.0.98/ /etc/hosts",
		"line.welcome":                  "sed -i /kind/d /etc/welcome",
		`authorized_key["bob@laptop"]`:  "sed -i s/no-pty,// /home/bob/.ssh/authorized_keys",
		"cron.backup":                   "crontab -u bob -r",
		"cron.hello":                    "crontab -l | sed s/reboot/daily/ | crontab -",
		`sysctl["net.ipv4.ip_forward"]`: "echo 0 > /proc/sys/net/ipv4/ip_forward",
		"user.carol":                    "userdel carol",
	} {
		must(t, n, drift)
		if got := apply(t, n, typesManifest); len(got) != 1 || got[address] != "changed" {
			t.Errorf("after %q: want %s changed, got %v", drift, address, got)
		}
	}
	if after := must(t, n, "id -nG bob; tail -1 /etc/welcome; crontab -u bob -l | wc -l; cat /proc/sys/net/ipv4/ip_forward"); after != "devs audio video ops\nbe kind\n3\n1\n" {
		t.Errorf("after the repairs: %s", after)
	}
}

// TestInspect prints what a node has, type by type: a plan of that finds nothing to do.
func TestInspect(t *testing.T) {
	n := typesNode(t)
	apply(t, n, typesManifest)
	must(t, n, `mkdir -p /srv/odd
cd /srv/odd
printf 'a$${b} %%{c} "q" \\ \t\r\n' > 'na$me ${x} %{y} "z"'
printf '\377\000' > bytes
printf 'e\314\201' > decomposed
: > empty
mkfifo pipe
ln -s ../x link
mkdir -m 0444 folder
echo "/dev/xvdj /mnt ext4 noauto,nofail 0 2" >> /etc/fstab
mkdir -p /etc/apt/sources.list.d
printf 'Types: deb\nURIs: file:/srv/x\nSuites: stable\nComponents: main\nEnabled: no\n' > /etc/apt/sources.list.d/one.sources
printf '\nX-Repolib-ID: two\nTypes: deb\nURIs: http://mirror.invalid/x\nSuites: stable\nComponents: main\nEnabled: no\n' >> /etc/apt/sources.list.d/one.sources
printf 'Package: *\nPin: origin mirror.invalid\nPin-Priority: 400\n' > /etc/apt/preferences.d/two.pref`)
	for selection, least := range map[string]int{
		"user:*": 15, "group:*": 30, "host:*": 2, "cron:*": 2, "cron:bob": 1, "authorized_key:*": 1, "sysctl:net.ipv4": 50, "line:/etc/passwd": 15,
		"file:/etc": 50, "file:/srv/odd": 7, "file:/etc/*.conf": 3, "service:*": 20, "service:cron": 1, "package:*": 80, "mount:*": 1, "repo:*": 2,
		"user.bob": 1, `authorized_key["bob@laptop"]`: 1, "cron[bob/backup]": 1, "file[/nothing]": 1, "line[/etc/welcome: be kind]": 1, "host.none": 1,
		"package": 80,
	} {
		printed, err := n.Must(t.Context(), "apply", "inspect", selection)
		if err != nil {
			t.Error(err)
			continue
		}
		if blocks := strings.Count("\n"+printed, "\n}\n"); blocks < least {
			t.Errorf("%s: %d blocks, want %d or more:\n%s", selection, blocks, least, printed)
		}
		if pin := regexp.MustCompile(`(?m)^  pin += "?400"?$`); selection == "repo:*" && !pin.MatchString(printed) {
			t.Errorf("no pin in\n%s", printed)
		}
		if strings.Contains(printed, "$6$salt") && !strings.HasPrefix(selection, "file:/etc") {
			t.Errorf("%s: a password is printed", selection)
		}
		if err := n.Put(t.Context(), "/root/inspected.hcl", []byte(printed), 0o600); err != nil {
			t.Fatal(err)
		}
		res, err := n.Run(t.Context(), "apply", "plan", "--detailed-exitcode", "/root/inspected.hcl")
		if err != nil || res.Code != 0 {
			t.Errorf("%s: the plan of it: exit code %d, %v\n%s%s", selection, res.Code, err, res.Stdout, res.Stderr)
		}
	}
	for selection, want := range map[string]string{
		"usr.bob": "did you mean `user`?", "exec:*": "no state of its own", "user[bob": "a bracket is not closed", "user:": "want TYPE[TITLE]", "file:etc": "want a folder",
	} {
		if res, err := n.Run(t.Context(), "apply", "inspect", selection); err != nil || res.Code != 1 || !strings.Contains(res.Stderr, want) {
			t.Errorf("%s: want %q, got exit code %d, %v: %s", selection, want, res.Code, err, res.Stderr)
		}
	}
}

// TestUndoTypes takes a run back: the node's accounts, files and parameters are as before.
func TestUndoTypes(t *testing.T) {
	n := typesNode(t)
	const state = `sort /etc/passwd /etc/group; cut -d: -f1,2,8 /etc/shadow | sort; cat /etc/hosts; cat /proc/sys/net/ipv4/ip_forward; ls /etc/sysctl.d /home
cat /home/*/.ssh/authorized_keys /etc/welcome; for u in root bob; do crontab -u $u -l | sed '/^$/d'; done`
	must(t, n, `useradd -m -c Robert bob && groupadd -g 3000 devs && gpasswd -a bob audio
printf '# welcome\n' > /etc/welcome
mkdir -m 700 /home/bob/.ssh && touch /home/bob/.ssh/authorized_keys && chown -R bob: /home/bob/.ssh
printf '# apply: backup\n1 2 * * * /bin/false\n' | crontab -u bob -`)
	before := must(t, n, state)
	more := strings.Replace(typesManifest, `"/home/bob"`, `"/home/robert"`, 1) + `
host "other" {
  ip = "10.77.0.98"
}

line "more" {
  path = "/etc/welcome"
  line = "more"
}

cron "root/extra" { # as inspect calls it
  name    = "extra"
  command = "/bin/true"
}

sysctl "net.ipv4.ip_default_ttl" { # as it is: the file alone is made, and goes
  value = 64
}
`
	if got := apply(t, n, more); len(got) != 14 {
		t.Errorf("the run: %v", got)
	}
	after := must(t, n, state)
	if after == before {
		t.Error("the run changed nothing")
	}
	if got := must(t, n, "ls /home"); got != "robert\n" {
		t.Errorf("the home did not move: %s", got)
	}
	for i, want := range []string{before, after, before} { // the undo, an undo of that, and so on
		if out, err := n.Must(t.Context(), "apply", "undo"); err != nil {
			t.Errorf("undo %d: %v\n%s", i+1, err, out)
		}
		if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(must(t, n, state), "\n")); diff != "" {
			t.Errorf("undo %d: %s", i+1, diff)
		}
	}
	must(t, n, "gpasswd -d bob audio")
	if res, err := n.Run(t.Context(), "apply", "undo"); err != nil || res.Code != 1 || !strings.Contains(res.Stdout, "state of user.bob: refused (it has changed since)") {
		t.Errorf("with a change by hand: exit code %d, %v\n%s%s", res.Code, err, res.Stdout, res.Stderr)
	}
}
