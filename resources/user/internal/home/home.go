// Package home knows what usermod(8) and userdel(8) would do to a user's home folder, where they change the user, leave the folder as it is, and complain.
package home

import (
	"fmt"
	"path"
	"strings"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources/internal/accounts"
)

// Moves says whether there is a home folder of the user to be moved to the folder to. It is an error with something at both places, for usermod would change the
// entry and leave the folder; and where the folder is not the user's own, for usermod would move /usr/sbin as well.
func Moves(v host.FileReader, is *accounts.User, to string) (bool, error) {
	old, err := v.Lstat(is.Home)
	if err != nil || old.Kind == host.Absent {
		return false, err
	}
	there, err := v.Lstat(to)
	switch {
	case err != nil:
		return false, err
	case there.Orphan:
		return false, fmt.Errorf("%s: does not exist: %s cannot be moved there", path.Dir(to), is.Home)
	case there.Kind != host.Absent:
		return false, fmt.Errorf("%s is there already: %s cannot be moved to it", to, is.Home)
	case old.UID != is.UID:
		return false, fmt.Errorf("%s belongs to user %d, not to %s: it is not moved", is.Home, old.UID, is.Name)
	}
	return true, nil
}

// Stays says why the home folder outlives the user, "" if it goes: userdel would remove the user and leave the folder of somebody else, and would remove that
// of another user with it.
func Stays(v host.FileReader, is *accounts.User) (string, error) {
	st, err := v.Lstat(is.Home)
	if err != nil || st.Kind == host.Absent {
		return "", err
	}
	if st.UID != is.UID {
		return fmt.Sprintf("%s stays: it belongs to user %d, not to %s", is.Home, st.UID, is.Name), nil
	}
	all, err := accounts.Users(v)
	inside := path.Clean(is.Home) + "/"
	for _, other := range all {
		if other.Name != is.Name && (strings.HasPrefix(path.Clean(other.Home)+"/", inside) || inside == "//") {
			return fmt.Sprintf("%s stays: it is, or has in it, the home of %s", is.Home, other.Name), nil
		}
	}
	return "", err
}
