package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/e2e/lab"
	"github.com/nodeapply/apply/e2e/lab/image"
	"github.com/nodeapply/apply/e2e/lab/repo"
	"github.com/nodeapply/apply/e2e/lab/sealed"
	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/local"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/pkg"
)

// tree is a root file system of its own, in which commands run by chroot: package managers work in it as on a node.
type tree struct {
	*local.Node
	dir string
}

// newTree copies an image of the lab.
func newTree(t *testing.T, get func(context.Context) (image.Image, error)) *tree {
	t.Helper()
	lab.Require(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	img, err := get(ctx)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	const copyTree = `case $1 in *:*) mount -t overlay tree -o lowerdir="$1" /mnt ;; *) mount --bind "$1" /mnt ;; esac
cp -a --reflink=auto /mnt/. "$2"`
	if _, err := sealed.Run(ctx, "", "sh", "-ec", copyTree, "copy", strings.Join(img.Layers, ":"), dir); err != nil {
		t.Fatal(err)
	}
	run(t, "mknod", "-m", "666", filepath.Join(dir, "dev/null.new"), "c", "1", "3")
	run(t, "mv", filepath.Join(dir, "dev/null.new"), filepath.Join(dir, "dev/null"))
	local, err := local.New(local.Options{Root: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = local.Close() })
	return &tree{local, dir}
}

func run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%q: %v\n%s", args, err, out)
	}
	return string(out)
}

// in runs a shell line in the tree.
func (n *tree) in(t *testing.T, line string) string {
	t.Helper()
	return strings.TrimSpace(run(t, "chroot", n.dir, "sh", "-c", line))
}

// showProcesses mounts /proc in the tree; hide takes it away again.
func (n *tree) showProcesses(t *testing.T) (hide func()) {
	t.Helper()
	proc := filepath.Join(n.dir, "proc")
	run(t, "mount", "--bind", "/proc", proc)
	return func() { run(t, "umount", proc) }
}

func (n *tree) write(t *testing.T, name, text string) {
	t.Helper()
	name = filepath.Join(n.dir, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// debs puts packages into the apt repository that the tree has at /srv/NAME.
func (n *tree) debs(t *testing.T, key *repo.Key, name string, packages ...repo.Package) {
	t.Helper()
	var files []string
	dir := t.TempDir()
	for _, p := range packages {
		file, err := p.Deb(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	if err := repo.Apt(t.Context(), filepath.Join(n.dir, "srv", name), key, files...); err != nil {
		t.Fatal(err)
	}
}

// converge checks a resource, applies what differs, and checks that nothing differs any more. It returns what differed and the notes.
func converge(t *testing.T, h host.Host, r resources.Resource) (resources.Diff, []string) {
	t.Helper()
	if err := r.(resources.Validator).Validate(); err != nil {
		t.Fatal(err)
	}
	d, err := r.Check(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	if !d.Empty() {
		if err := r.Apply(t.Context(), h, d); err != nil {
			t.Fatal(err)
		}
	}
	after, err := r.Check(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	if !after.Empty() {
		t.Fatalf("still differs: %+v", after.Changes)
	}
	return d, after.Notes
}

// refuse wants an error of check or apply that has all of words.
func refuse(t *testing.T, h host.Host, r resources.Resource, words ...string) {
	t.Helper()
	d, err := r.Check(t.Context(), h)
	if err == nil && !d.Empty() {
		err = r.Apply(t.Context(), h, d)
	}
	if err == nil {
		t.Fatalf("no error; %+v", d.Changes)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("the error lacks %q: %v", w, err)
		}
	}
}

// onRun is a Host whose commands are seen before they run.
type onRun struct {
	host.Host
	before func(host.Cmd)
}

func (h *onRun) Run(ctx context.Context, c host.Cmd) (host.Output, error) {
	h.before(c)
	return h.Host.Run(ctx, c)
}

// catalog makes packages of one run on a node.
type catalog struct {
	host     host.Host
	types    resources.Type
	provider string
	one      string // the version 1 in the provider's form
}

func (c *catalog) pack(name, ensure string, more ...func(*pkg.Package)) *pkg.Package {
	p := c.types.New(name).(*pkg.Package)
	p.Ensure, p.Provider = pkg.Ensure(ensure), c.provider
	for _, m := range more {
		m(p)
	}
	return p
}

// want converges p, compares what differed ("attribute: before -> after; ...") and returns the notes.
func (c *catalog) want(t *testing.T, want string, p *pkg.Package) []string {
	t.Helper()
	d, notes := converge(t, c.host, p)
	var list []string
	for _, ch := range d.Changes {
		list = append(list, ch.Attr+": "+ch.From+" -> "+ch.To)
	}
	if diff := cmp.Diff(want, strings.Join(list, "; ")); diff != "" {
		t.Error(diff)
	}
	return notes
}

func hold(p *pkg.Package) { p.Mark = "hold" }
func free(p *pkg.Package) { p.Mark = "none" }
func down(p *pkg.Package) { p.AllowDowngrade = true }

// together applies packages in one transaction.
func together(t *testing.T, h host.Host, packages ...*pkg.Package) []error {
	t.Helper()
	var members []resources.Member
	for _, p := range packages {
		d, err := p.Check(t.Context(), h)
		if err != nil {
			t.Fatal(err)
		}
		members = append(members, resources.Member{Resource: p, Diff: d})
	}
	return packages[0].ApplyGroup(t.Context(), h, members)
}

// rpms puts packages into the yum repository that the tree has at /srv/NAME.
func (n *tree) rpms(t *testing.T, key *repo.Key, name string, packages ...repo.Package) {
	t.Helper()
	var files []string
	dir := t.TempDir()
	for _, p := range packages {
		file, err := p.RPM(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	if err := repo.Yum(t.Context(), filepath.Join(n.dir, "srv", name), key, files...); err != nil {
		t.Fatal(err)
	}
}

// pacmans puts packages ("NAME VERSION PROVIDES") into the pacman repository that the tree has at /srv/NAME.
func (n *tree) pacmans(t *testing.T, name string, packages ...string) {
	t.Helper()
	const script = `mkdir -p "$1"; top=$(mktemp -d); cd "$top"; mkdir -p usr/share etc;  repo=$1; shift
for p; do
	set -- $p
	echo "$p" > usr/share/$1; echo "as packed in $2" > etc/$1.conf
	printf 'pkgname = %s\npkgver = %s\nprovides = %s\npkgbase = %s\npkgdesc = x\nbuilddate = 1\npackager = x\nsize = 1\narch = any\nbackup = etc/%s.conf\n' $1 $2 $3 $1 $1 > .PKGINFO
	bsdtar --zstd -cf "$repo/$1-$2-any.pkg.tar.zst" .PKGINFO usr/share/$1 etc/$1.conf
	was=$(stat -Lc %Y "$repo/one.db" 2>/dev/null || echo 0)
	repo-add -q "$repo/one.db.tar.gz" "$repo/$1-$2-any.pkg.tar.zst"
	[ $(stat -Lc %Y "$repo/one.db") -gt $was ] || touch -d @$((was + 1)) "$repo/one.db.tar.gz" # pacman fetches what is younger, in seconds
done
rm -r "$top"`
	run(t, append([]string{"sh", "-ec", script, "pacmans", filepath.Join(n.dir, "srv", name)}, packages...)...)
}
