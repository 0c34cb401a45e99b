package image

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/journal/internal/store"
)

// exchanging is a node whose user exchanges two of his names just before the one is opened.
type exchanging struct {
	*hosttest.Host
	t        *testing.T
	one, two string
}

func (e *exchanging) Open(name string) (host.File, error) {
	if name == e.one {
		if err := unix.Renameat2(unix.AT_FDCWD, e.Path(e.one), unix.AT_FDCWD, e.Path(e.two), unix.RENAME_EXCHANGE); err != nil {
			e.t.Error(err)
		}
	}
	return e.Host.Open(name)
}

// What an undo puts back is as open as it was when it was kept, whatever its user had put in its place meanwhile.
func TestImageOfWhatIsExchanged(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root; left out: files of other users")
	}
	h := &exchanging{hosttest.New(t, "-- bob/ 0755 nobody:nobody --\n-- bob/his 0644 nobody:nobody --\nhis\n-- bob/root 0600 --\nsecret\n"), t, "/bob/his", "/bob/root"}
	img, err := NewKeeper(store.New(filepath.Join(t.TempDir(), "store"))).Take(t.Context(), h, "/bob/his", true)
	if err != nil {
		t.Fatal(err)
	}
	sum := img.Sum
	img.Sum = ""
	if diff := cmp.Diff(&Image{Kind: "file", Mode: 0o600}, img); diff != "" || sum == "" {
		t.Errorf("content %q: -want +got\n%s", sum, diff)
	}
}
