package version

import "strings"

// comparePacman compares epoch:version-release as vercmp(8) does: a release that one of the two leaves out is not compared.
func comparePacman(a, b string) int {
	ea, va, ra := splitLast(a)
	eb, vb, rb := splitLast(b)
	if n := compareNumber(ea, eb); n != 0 {
		return n
	}
	if n := alpmCompare(va, vb); n != 0 || ra == "" || rb == "" {
		return n
	}
	return alpmCompare(ra, rb)
}

func matchPacman(have, declared string) int {
	if !strings.Contains(declared, ":") {
		_, have = cutEpoch(have)
	}
	return comparePacman(have, declared)
}

func cutEpoch(v string) (epoch, rest string) {
	if e, r, found := strings.Cut(v, ":"); found {
		return e, r
	}
	return "", v
}

func splitLast(v string) (epoch, version, release string) {
	epoch, v = cutEpoch(v)
	if i := strings.LastIndexByte(v, '-'); i >= 0 {
		return epoch, v[:i], v[i+1:]
	}
	return epoch, v, ""
}

// alpmCompare is libalpm's rpmvercmp: that of an older rpm, in which a word that is left over ("1.0a") is before its absence, and
// separators of different length make the longer one later.
func alpmCompare(a, b string) int {
	for a != "" && b != "" {
		na, nb := separators(a), separators(b)
		a, b = a[na:], b[nb:]
		if a == "" || b == "" {
			break
		}
		if na != nb {
			return na - nb
		}
		n, ra, rb := compareSegment(a, b)
		if n != 0 {
			return n
		}
		a, b = ra, rb
	}
	switch {
	case a == "" && b == "":
		return 0
	case a == "" && !isAlpha(b[0]), a != "" && isAlpha(a[0]):
		return -1
	}
	return 1
}

func separators(s string) int {
	n := 0
	for n < len(s) && !isDigit(s[n]) && !isAlpha(s[n]) {
		n++
	}
	return n
}
