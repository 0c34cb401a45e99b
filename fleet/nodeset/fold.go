package nodeset

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Fold writes a set in its shortest form, in natural order: n[01-03,05],web. Parse reads it back. Of a name with several numbers the last one that
// differs is folded: r1n[1-4],r2n[1-4].
func Fold(names []string) string {
	sorted := slices.Clone(names)
	slices.SortFunc(sorted, Compare)
	sorted = slices.Compact(sorted)
	var out []string
	for i := 0; i < len(sorted); {
		text, n := run(sorted[i:])
		out = append(out, text)
		i += n
	}
	return strings.Join(out, ",")
}

// parts is a name around its last number.
type parts struct {
	before, digits, after string
	value                 int
}

func split(s string) (parts, bool) {
	if strings.ContainsRune(s, ':') { // an IPv6 address has other digits
		return parts{before: s}, false
	}
	end := strings.LastIndexAny(s, "0123456789") + 1
	start := end
	for start > 0 && s[start-1] >= '0' && s[start-1] <= '9' {
		start--
	}
	value, err := number(s[start:end])
	if err != nil {
		return parts{before: s}, false
	}
	return parts{s[:start], s[start:end], s[end:], value}, true
}

// run folds the names at the beginning of a sorted list that differ in their last number alone; it returns how many.
func run(names []string) (string, int) {
	first, ok := split(names[0])
	if !ok {
		return names[0], 1
	}
	all := []parts{first}
	for _, n := range names[1:] {
		p, ok := split(n)
		if !ok || p.before != first.before || p.after != first.after {
			break
		}
		all = append(all, p)
	}
	if len(all) == 1 {
		return names[0], 1
	}
	var spans []string
	for i := 0; i < len(all); {
		j := i
		for j+1 < len(all) && follows(all[i], all[j], all[j+1]) {
			j++
		}
		if j == i {
			spans = append(spans, all[i].digits)
		} else {
			spans = append(spans, all[i].digits+"-"+all[j].digits)
		}
		i = j + 1
	}
	return fmt.Sprintf("%s[%s]%s", first.before, strings.Join(spans, ","), first.after), len(all)
}

// follows tells whether next continues the range from start to last so that expanding the range gives it as it is written.
func follows(start, last, next parts) bool {
	return next.value == last.value+1 && next.digits == fmt.Sprintf("%0*d", pad(start.digits), next.value)
}

// Compare orders names as people count: n2 before n10.
func Compare(a, b string) int {
	x, y := a, b
	for x != "" && y != "" {
		xn, yn := digits(x), digits(y)
		if xn > 0 && yn > 0 {
			if c := compareNumbers(x[:xn], y[:yn]); c != 0 {
				return c
			}
			x, y = x[xn:], y[yn:]
			continue
		}
		if x[0] != y[0] {
			return cmp.Compare(x[0], y[0])
		}
		x, y = x[1:], y[1:]
	}
	return cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(a, b))
}

func digits(s string) int { return len(s) - len(strings.TrimLeft(s, "0123456789")) }

// compareNumbers compares numbers of any length; of equal ones the shorter text comes first.
func compareNumbers(a, b string) int {
	x, y := strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	return cmp.Or(cmp.Compare(len(x), len(y)), strings.Compare(x, y), cmp.Compare(len(a), len(b)))
}

// Share reads a share of total nodes: a number, or a percentage, rounded up.
func Share(text string, total int) (int, error) {
	digits, percent := strings.CutSuffix(text, "%")
	n, err := strconv.ParseFloat(digits, 64)
	switch {
	case err != nil || strings.Trim(digits, "0123456789.") != "" || n > Max || percent && n > 100 || !percent && n != float64(int(n)):
		return 0, fmt.Errorf("%q: want a number of nodes or a percentage such as 10%%", text)
	case !percent:
		return int(n), nil
	}
	share := int(n * float64(total) / 100)
	if float64(share)*100 < n*float64(total) {
		share++
	}
	return share, nil
}
