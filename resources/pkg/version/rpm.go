package version

import "strings"

// CompareRPM compares epoch:version-release as rpm does, ~ and ^ included.
func CompareRPM(a, b string) int {
	ea, va, ra := splitRPM(a)
	eb, vb, rb := splitRPM(b)
	if n := compareNumber(ea, eb); n != 0 {
		return n
	}
	if n := rpmvercmp(va, vb); n != 0 {
		return n
	}
	return rpmvercmp(ra, rb)
}

// matchRPM leaves out the epoch and the release that declared does not state.
func matchRPM(have, declared string) int {
	eh, vh, rh := splitRPM(have)
	ed, vd, rd := splitRPM(declared)
	if strings.Contains(declared, ":") {
		if n := compareNumber(eh, ed); n != 0 {
			return n
		}
	}
	if n := rpmvercmp(vh, vd); n != 0 || rd == "" {
		return n
	}
	return rpmvercmp(rh, rd)
}

// splitRPM returns the parts of epoch:version-release; the epoch and the release may be "".
func splitRPM(v string) (epoch, version, release string) {
	if e, rest, ok := strings.Cut(v, ":"); ok {
		epoch, v = e, rest
	}
	version, release, _ = strings.Cut(v, "-")
	return epoch, version, release
}

func rpmvercmp(a, b string) int {
	if a == b {
		return 0
	}
	for a != "" || b != "" {
		a, b = skipSeparators(a), skipSeparators(b)
		if hasPrefix(a, '~') || hasPrefix(b, '~') {
			if !hasPrefix(a, '~') {
				return 1
			}
			if !hasPrefix(b, '~') {
				return -1
			}
			a, b = a[1:], b[1:]
			continue
		}
		if hasPrefix(a, '^') || hasPrefix(b, '^') {
			switch {
			case a == "":
				return -1
			case b == "":
				return 1
			case a[0] != '^':
				return 1
			case b[0] != '^':
				return -1
			}
			a, b = a[1:], b[1:]
			continue
		}
		if a == "" || b == "" {
			break
		}
		n, ra, rb := compareSegment(a, b)
		if n != 0 {
			return n
		}
		a, b = ra, rb
	}
	return len(a) - len(b)
}

// compareSegment compares the numbers or the words at the start of a and b; a number is after a word.
func compareSegment(a, b string) (n int, restA, restB string) {
	if isDigit(a[0]) {
		da, db := digits(a), digits(b)
		if db == "" {
			return 1, "", ""
		}
		return compareNumber(da, db), a[len(da):], b[len(db):]
	}
	la, lb := letters(a), letters(b)
	if lb == "" {
		return -1, "", ""
	}
	return strings.Compare(la, lb), a[len(la):], b[len(lb):]
}

func skipSeparators(s string) string {
	for s != "" && !isDigit(s[0]) && !isAlpha(s[0]) && s[0] != '~' && s[0] != '^' {
		s = s[1:]
	}
	return s
}

func hasPrefix(s string, c byte) bool { return s != "" && s[0] == c }
