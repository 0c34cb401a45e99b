package lab_test

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nodeapply/apply/e2e/lab"
	"github.com/nodeapply/apply/e2e/lab/image"
	"github.com/nodeapply/apply/e2e/lab/repo"
)

// sleeper is a package with a service that lives long.
func sleeper(name, version string) repo.Package {
	return repo.Package{
		Name:    name,
		Version: version,
		Files: map[string]string{
			"/etc/sleeper.conf":                        "seconds = 1\n",
			"/usr/sbin/sleeperd":                       "#!/bin/sh\nexec sleep infinity\n",
			"/usr/share/v/sleeper":                     version + "\n",
			"/usr/lib/systemd/system/sleeperd.service": "[Service]\nExecStart=/usr/sbin/sleeperd\n[Install]\nWantedBy=multi-user.target\n",
		},
		Scripts: map[string]string{"postinst": "echo installed >> /var/log/sleeper.log"},
	}
}

func TestAptRepository(t *testing.T) {
	l := lab.New(t)
	n := bootAll(t, l, lab.Spec{Name: "deb"})[0]
	dir, key := t.TempDir(), newKey(t)
	var debs []string
	for _, version := range []string{"1.0", "1.1"} {
		deb, err := sleeper("sleeper", version).Deb(t.Context(), t.TempDir())
		check(t, err)
		debs = append(debs, deb)
	}
	check(t, repo.Apt(t.Context(), dir, key, debs...))
	put(t, n, "/etc/apt/lab.asc", key.Armored)
	put(t, n, "/etc/apt/sources.list", "deb [signed-by=/etc/apt/lab.asc] "+serve(t, l, dir)+" stable main\n")

	must(t, n, "apt-get update -qq -o APT::Update::Error-Mode=any")
	must(t, n, "apt-get install -qq -y sleeper=1.0")
	wantEqual(t, "version", "1.0\n", must(t, n, "cat /usr/share/v/sleeper"))
	must(t, n, "systemctl is-active sleeperd && systemctl is-enabled sleeperd && echo mine > /etc/sleeper.conf")
	must(t, n, "DEBIAN_FRONTEND=noninteractive apt-get upgrade -qq -y")
	wantEqual(t, "version", "1.1\n", must(t, n, "cat /usr/share/v/sleeper"))
	wantEqual(t, "configuration", "mine\n", must(t, n, "cat /etc/sleeper.conf"))
	wantEqual(t, "post-installation script", "installed\ninstalled\n", must(t, n, "cat /var/log/sleeper.log"))

	put(t, n, "/etc/apt/lab.asc", newKey(t).Armored)
	if res, err := n.Run(t.Context(), "apt-get", "update", "-o", "APT::Update::Error-Mode=any"); err != nil || res.Code == 0 {
		t.Errorf("apt-get update with another key: %v, code %d, want a failure", err, res.Code)
	}
}

func TestYumRepository(t *testing.T) {
	l := lab.New(t)
	img, err := image.Dnf(t.Context())
	check(t, err)
	n, err := l.Boot(t.Context(), lab.Spec{Name: "rpm", Image: img})
	check(t, err)
	dir, key := t.TempDir(), newKey(t)
	var rpms []string
	for _, p := range []repo.Package{sleeper("sleeper", "1.0"), sleeper("sleeper", "1.1"),
		{Name: "sleepers", Version: "1", Depends: []string{"sleeper >= 1.1"}}} {
		rpm, err := p.RPM(t.Context(), t.TempDir())
		check(t, err)
		rpms = append(rpms, rpm)
	}
	check(t, repo.Yum(t.Context(), dir, key, rpms...))
	url := serve(t, l, dir)
	put(t, n, "/etc/pki/lab.asc", key.Armored)
	put(t, n, "/etc/yum.repos.d/lab.repo", "[lab]\nname=lab\nbaseurl="+url+"\ngpgcheck=1\nrepo_gpgcheck=1\ngpgkey=file:///etc/pki/lab.asc\n")

	must(t, n, "dnf -q -y install sleeper-1.0")
	wantEqual(t, "version", "1.0\n", must(t, n, "cat /usr/share/v/sleeper"))
	must(t, n, "echo mine > /etc/sleeper.conf; systemctl enable --now sleeperd && systemctl is-active sleeperd")
	must(t, n, "dnf -q -y install sleepers")
	wantEqual(t, "version", "sleeper-1.1-1.noarch\n", must(t, n, "rpm -q sleeper"))
	wantEqual(t, "configuration", "mine\n", must(t, n, "cat /etc/sleeper.conf"))
	wantEqual(t, "post-installation script", "installed\ninstalled\n", must(t, n, "cat /var/log/sleeper.log"))
	must(t, n, "dnf -q -y remove sleeper")
	if res, err := n.Run(t.Context(), "rpm", "-q", "sleepers"); err != nil || res.Code != 1 {
		t.Errorf("rpm -q after remove: %v, code %d, want 1", err, res.Code)
	}
}

// TestGlusterFS shows that nodes are real enough for what they are for.
func TestGlusterFS(t *testing.T) {
	l := lab.New(t)
	base, err := image.Base(t.Context())
	check(t, err)
	debs, err := image.Download(t.Context(), base, "glusterfs-server", "glusterfs-client")
	check(t, err)
	names, err := filepath.Glob(filepath.Join(debs, "*.deb"))
	check(t, err)
	dir, key := t.TempDir(), newKey(t)
	check(t, repo.Apt(t.Context(), dir, key, names...))
	url := serve(t, l, dir)

	nodes := bootAll(t, l, lab.Spec{Name: "g1", Disks: []int64{1 << 30}}, lab.Spec{Name: "g2", Disks: []int64{1 << 30}})
	each(t, nodes, func(n *lab.Node) error {
		script := `set -e
			printf '%s g1\n%s g2\n' $2 $3 >> /etc/hosts
			echo "deb [signed-by=/etc/apt/lab.asc] $1 stable main" > /etc/apt/sources.list
			apt-get update -qq
			DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends glusterfs-server glusterfs-client
			systemctl enable --now glusterd
			mkfs.ext4 -q /dev/xvdj
			mkdir /brick
			mount /dev/xvdj /brick`
		if err := n.Put(t.Context(), "/etc/apt/lab.asc", []byte(key.Armored), 0o644); err != nil {
			return err
		}
		_, err := n.Must(t.Context(), "sh", "-c", script, "gluster", url, nodes[0].Addr, nodes[1].Addr)
		return err
	})
	must(t, nodes[0], `gluster peer probe g2 &&
		for try in $(seq 100); do gluster pool list | grep -q 'g2.*Connected' && break; sleep 0.1; done
		gluster --mode=script volume create v g1:/brick/v g2:/brick/v &&
		gluster volume start v && mount -t glusterfs g1:/v /mnt && cd /mnt && touch $(seq 20) && ls | wc -l`)
	here, there := must(t, nodes[0], "ls /brick/v"), must(t, nodes[1], "ls /brick/v")
	if n := len(strings.Fields(here + there)); n != 20 || here == "" || there == "" {
		t.Errorf("files on the bricks: %q and %q, want 20 spread over both", here, there)
	}
}

func newKey(t *testing.T) *repo.Key {
	t.Helper()
	key, err := repo.NewKey(t.Context(), t.TempDir())
	check(t, err)
	return key
}

func serve(t *testing.T, l *lab.Lab, dir string) string {
	t.Helper()
	url, err := l.Serve(http.FileServer(http.Dir(dir)))
	check(t, err)
	return url
}
