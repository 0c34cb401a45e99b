package host

import (
	"fmt"
	"os"
	"path"
	"strings"
	"syscall"
)

// linkLimit is how many links Resolve follows on the way to one name, as the kernel does.
const linkLimit = 40

// Resolve follows the link at name, and links that this leads to, and returns the name, free of links, and what is there: nothing perhaps. A link
// that others can have planted, or can put another in the place of meanwhile, is an error.
func Resolve(v FileReader, name string) (string, Stat, error) {
	st, err := v.Lstat(name)
	if err != nil || st.Kind != Symlink {
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
func canonical(v FileReader, name string) (string, error) {
	at, todo := "/", strings.Split(name, "/")
	root := soil{stable: true, safe: true}
	ground := root
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
		if st.Kind != Symlink {
			at, ground = next, ground.below(st)
			continue
		}
		// The host passes only through links that nobody else can have planted: asked for a name behind this one, it says so, and whose it is.
		if _, err := v.Lstat(next + "/-"); err != nil {
			return "", err
		}
		if !ground.stable || !ground.safe {
			return "", fmt.Errorf("%s: refused: a link that its owner may have planted (owner %d), in a folder that others can change", next, st.UID)
		}
		if links++; links > linkLimit {
			return "", fmt.Errorf("%s: %w", name, syscall.ELOOP)
		}
		target, err := v.Readlink(next)
		if err != nil {
			return "", err
		}
		if path.IsAbs(target) {
			at, ground = "/", root
		}
		todo = append(strings.Split(target, "/"), todo...)
	}
	return at, nil
}

// soil says how firm the folder is that a name stands in. A link is looked at by its name more than once, which is sound only where nobody else
// can put another in its place meanwhile.
type soil struct {
	stable bool // what its name leads to cannot be exchanged by others
	safe   bool // others can neither add nor take away names in it
	sticky bool // others can add names, and take away their own
}

// below is the soil of what is at a name in a folder.
func (s soil) below(st Stat) soil {
	ours := st.UID == 0 || int(st.UID) == os.Geteuid()
	return soil{
		stable: s.stable && (s.safe || s.sticky && ours),
		safe:   ours && st.Mode&0o022 == 0,
		sticky: ours && st.Mode&0o1000 != 0,
	}
}
