package content

import (
	"fmt"
	"path"
	"strings"
	"syscall"

	"github.com/nodeapply/apply/host"
)

const mostLinks = 40 // on the way to one name, as for the kernel

// Resolve follows the link at name, and links that this leads to, and describes what is at the end: nothing perhaps.
func Resolve(v host.View, name string) (string, host.Stat, error) {
	st, err := v.Lstat(name)
	if err != nil || st.Kind != host.Symlink {
		return name, st, err
	}
	if name, err = canonical(v, name); err != nil {
		return name, st, err
	}
	st, err = v.Lstat(name)
	return name, st, err
}

// canonical returns the name, free of links, of what name leads to. It goes component by component, so that ".." in a link means the
// folder that the link really is in.
func canonical(v host.View, name string) (string, error) {
	at, todo := "/", strings.Split(name, "/")
	for links := 0; len(todo) > 0; {
		component := todo[0]
		todo = todo[1:]
		if component == "" {
			continue
		}
		next := path.Join(at, component)
		st, err := v.Lstat(next)
		if err != nil {
			return "", err
		}
		if st.Kind != host.Symlink {
			at = next
			continue
		}
		if links++; links > mostLinks {
			return "", fmt.Errorf("%s: %w", name, syscall.ELOOP)
		}
		// The host passes only through links that nobody else can have planted: asked for a name behind this one, it says so.
		if _, err := v.Lstat(next + "/-"); err != nil {
			return "", err
		}
		target, err := v.Readlink(next)
		if err != nil {
			return "", err
		}
		if path.IsAbs(target) {
			at = "/"
		}
		todo = append(strings.Split(target, "/"), todo...)
	}
	return at, nil
}
