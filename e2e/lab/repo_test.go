package lab_test

import (
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
	n := boot(t, l, lab.Spec{Name: "deb"})[0]
	build := func(version string) string {
		deb, err := sleeper("sleeper", version).Deb(t.Context(), t.TempDir())
		check(t, err)
		return deb
	}
	r, err := l.AptRepo(t.Context(), build("1.0"))
	check(t, err)
	put(t, n, "/etc/apt/lab.asc", r.Key)
	put(t, n, "/etc/apt/sources.list", "deb [signed-by=/etc/apt/lab.asc] "+r.URL+" stable main\n")

	const update = "apt-get update -qq -o APT::Update::Error-Mode=any\n"
	must(t, n, update+"apt-get install -qq -y sleeper")
	wantEqual(t, "version", "1.0\n", must(t, n, "cat /usr/share/v/sleeper"))
	must(t, n, "systemctl is-active sleeperd && systemctl is-enabled sleeperd && echo mine > /etc/sleeper.conf")
	check(t, r.Add(t.Context(), build("1.1")))
	must(t, n, update+"DEBIAN_FRONTEND=noninteractive apt-get upgrade -qq -y")
	wantEqual(t, "version", "1.1\n", must(t, n, "cat /usr/share/v/sleeper"))
	wantEqual(t, "configuration", "mine\n", must(t, n, "cat /etc/sleeper.conf"))
	wantEqual(t, "post-installation script", "installed\ninstalled\n", must(t, n, "cat /var/log/sleeper.log"))

	must(t, n, "apt-get install -qq -y --allow-downgrades sleeper=1.0")

	other, err := l.AptRepo(t.Context())
	check(t, err)
	put(t, n, "/etc/apt/lab.asc", other.Key)
	if res, err := n.Run(t.Context(), "apt-get", "update", "-o", "APT::Update::Error-Mode=any"); err != nil || res.Code == 0 {
		t.Errorf("apt-get update with another key: %v, code %d, want a failure", err, res.Code)
	}
}

func TestYumRepository(t *testing.T) {
	l := lab.New(t)
	img, err := image.Dnf(t.Context())
	check(t, err)
	n := boot(t, l, lab.Spec{Name: "rpm", Image: img})[0]
	var rpms []string
	for _, p := range []repo.Package{sleeper("sleeper", "1.0"), sleeper("sleeper", "1.1"),
		{Name: "sleepers", Version: "1", Depends: []string{"sleeper >= 1.1"}}} {
		rpm, err := p.RPM(t.Context(), t.TempDir())
		check(t, err)
		rpms = append(rpms, rpm)
	}
	r, err := l.YumRepo(t.Context(), rpms...)
	check(t, err)
	put(t, n, "/etc/pki/lab.asc", r.Key)
	put(t, n, "/etc/yum.repos.d/lab.repo", "[lab]\nname=lab\nbaseurl="+r.URL+"\ngpgcheck=1\nrepo_gpgcheck=1\ngpgkey=file:///etc/pki/lab.asc\n")

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
	r, err := l.AptRepo(t.Context(), debs...)
	check(t, err)

	nodes := boot(t, l, lab.Spec{Name: "g1", Disks: []int64{1 << 30}}, lab.Spec{Name: "g2", Disks: []int64{1 << 30}})
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
		if err := n.Put(t.Context(), "/etc/apt/lab.asc", []byte(r.Key), 0o644); err != nil {
			return err
		}
		_, err := n.Must(t.Context(), "sh", "-c", script, "gluster", r.URL, nodes[0].Addr, nodes[1].Addr)
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
