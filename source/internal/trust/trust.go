// Package trust holds the one error kind by which the packages around git say that what they were given must not be used:
// a wrong signature, a foreign owner, a hostile tree. It is apart so that each of them can return it and none imports another.
package trust

import (
	"errors"
	"fmt"
)

// Err is in the chain of every error made by Errorf; test with errors.Is.
var Err = errors.New("not trusted")

type refusal struct{ error }

func (r refusal) Is(target error) bool { return target == Err }
func (r refusal) Unwrap() error        { return r.error }

// Errorf formats as fmt.Errorf does; the result also is Err.
func Errorf(format string, args ...any) error { return refusal{fmt.Errorf(format, args...)} }
