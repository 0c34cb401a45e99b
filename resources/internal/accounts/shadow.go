package accounts

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/nodeapply/apply/host"
)

// Shadow is the password of a user and how long that and the account are good.
type Shadow struct {
	Listed   bool   `json:",omitempty"` // there is an entry: an empty password is one
	Password string // hash
	Expiry   string // YYYY-MM-DD; "" if the account does not expire
	Ageing   Ageing `json:",omitzero"`
	// Open says that the password counts that stands in /etc/passwd itself, for all to read, although the node has an /etc/shadow.
	Open bool `json:"-"`
}

// Ageing is for how long a password is good: the day of its last change (of 1970), the least and the most days between two changes, those of warning before and
// those of grace after it is too old. Each as /etc/shadow has it; "" for none.
type Ageing [5]string

// hash is what can stand in /etc/shadow: a lock, or a hash of crypt(5), perhaps locked: with its method in front, or of the old ones without.
var hash = regexp.MustCompile(`^(!{0,2}\*?|x|!{0,2}(\$[0-9A-Za-z-]+\$[./0-9A-Za-z$,=+*-]+|[./0-9A-Za-z]{13}|_[./0-9A-Za-z]{19}))$`)

// CheckHash says whether s can be declared as the password of a user.
func CheckHash(s string) error {
	switch {
	case s == "":
		return errors.New("an empty one lets anybody in; `\"!\"` lets no password in")
	case !hash.MatchString(s):
		return errors.New("it is no hash of crypt(5); `openssl passwd -6` makes one")
	}
	return nil
}

// CheckExpiry says whether s is a day on which an account can expire.
func CheckExpiry(s string) error {
	switch day, err := time.Parse(time.DateOnly, s); {
	case err != nil:
		return fmt.Errorf("want YYYY-MM-DD or absent, got %q", s)
	case day.Unix() < 0:
		return fmt.Errorf("days are counted from 1970-01-01 on, got %q", s)
	}
	return nil
}

// FindShadow returns the entry of that name in /etc/shadow, empty if there is none. Where the user's own entry has something else than "x" in the place of a
// password, that is the one: so it is to the node.
func FindShadow(v host.FileReader, name string) (Shadow, error) {
	var s Shadow
	own, err := entry(v, shadow, 8, name)
	if own != nil {
		s = shadowOf(own)
	}
	if err != nil {
		return s, err
	}
	user, err := entry(v, passwd, 7, name)
	if user == nil || user[1] == "x" {
		return s, err
	}
	st, err := v.Lstat(shadow)
	s.Listed, s.Password, s.Open = true, user[1], st.Kind != host.Absent
	return s, err
}

// entry is the first of that name in a file, nil if there is none.
func entry(v host.FileReader, file string, fields int, name string) ([]string, error) {
	all, err := entriesWith(v, file, fields, name+":")
	if i := slices.IndexFunc(all, func(f []string) bool { return f[0] == name }); i >= 0 {
		return all[i], err
	}
	return nil, err
}

func shadowOf(f []string) Shadow {
	s := Shadow{Listed: true, Password: f[1], Ageing: Ageing(f[2:7])}
	if days, err := strconv.ParseInt(f[7], 10, 32); err == nil && days >= 0 {
		s.Expiry = time.Unix(0, 0).UTC().AddDate(0, 0, int(days)).Format(time.DateOnly)
	}
	return s
}
