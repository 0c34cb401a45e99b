package version

import (
	"slices"
	"strings"
)

// The suffixes of apk versions in order; "" is the version without one.
var apkSuffixes = [...]string{"alpha", "beta", "pre", "rc", "", "cvs", "svn", "git", "hg", "p"}

// CompareAPK compares versions of the form 1.2.3a_rc1-r4 as apk-tools does.
func CompareAPK(a, b string) int {
	va, ra := splitAPK(a)
	vb, rb := splitAPK(b)
	if n := compareAPKVersion(va, vb); n != 0 {
		return n
	}
	return compareNumber(ra, rb)
}

// matchAPK leaves out the package's revision where declared does not state one.
func matchAPK(have, declared string) int {
	vh, rh := splitAPK(have)
	vd, rd := splitAPK(declared)
	if n := compareAPKVersion(vh, vd); n != 0 || rd == "" {
		return n
	}
	return compareNumber(rh, rd)
}

func splitAPK(v string) (version, revision string) {
	if i := strings.LastIndex(v, "-r"); i >= 0 {
		return v[:i], v[i+2:]
	}
	return v, ""
}

func compareAPKVersion(a, b string) int {
	ma, sa, _ := strings.Cut(a, "_")
	mb, sb, _ := strings.Cut(b, "_")
	if n := compareDotted(ma, mb); n != 0 {
		return n
	}
	pa, pb := strings.Split(sa, "_"), strings.Split(sb, "_")
	for i := range max(len(pa), len(pb)) {
		if n := compareSuffix(at(pa, i), at(pb, i)); n != 0 {
			return n
		}
	}
	return 0
}

// compareDotted compares numbers with an optional letter at the end. Of two numbers after a dot, those with a leading zero compare as
// fractions: 1.05 is before 1.1.
func compareDotted(a, b string) int {
	pa, pb := strings.Split(a, "."), strings.Split(b, ".")
	for i := range max(len(pa), len(pb)) {
		if i >= len(pa) {
			return -1
		}
		if i >= len(pb) {
			return 1
		}
		da, db := digits(pa[i]), digits(pb[i])
		n := compareNumber(da, db)
		if i > 0 && (strings.HasPrefix(da, "0") || strings.HasPrefix(db, "0")) {
			n = strings.Compare(da, db)
		}
		if n != 0 {
			return n
		}
		la, lb := pa[i][len(da):], pb[i][len(db):]
		if la == "" && lb != "" && i+1 < len(pa) {
			return 1 // a further number is after a letter: 1.0.1 is after 1.0a
		}
		if lb == "" && la != "" && i+1 < len(pb) {
			return -1
		}
		if n := strings.Compare(la, lb); n != 0 {
			return n
		}
	}
	return 0
}

func compareSuffix(a, b string) int {
	la, lb := letters(a), letters(b)
	if n := slices.Index(apkSuffixes[:], la) - slices.Index(apkSuffixes[:], lb); n != 0 {
		return n
	}
	return compareNumber(a[len(la):], b[len(lb):])
}

func at(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return ""
}
