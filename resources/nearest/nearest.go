// Package nearest finds the name that somebody may have meant by one that there is not.
package nearest

// Of returns the candidate that is most like word by edit distance, "" if none is close enough to be meant.
func Of(word string, candidates []string) string {
	best, bestD := "", max(2, len(word)/3)+1
	if len(word) < 5 { // two letters of three or four are another word
		bestD = 2
	}
	for _, c := range candidates {
		if d := distance(word, c, bestD); d < bestD {
			best, bestD = c, d
		}
	}
	return best
}

// Hint ends an error: "; did you mean `x`?" with the candidate that Of returns, "" if it returns none.
func Hint(word string, candidates []string) string {
	if near := Of(word, candidates); near != "" {
		return "; did you mean `" + near + "`?"
	}
	return ""
}

// distance is how many letters of a and b differ, are in one of them only, or have changed places with the next one; or limit where it is not below it.
func distance(a, b string, limit int) int {
	if d := len(a) - len(b); d >= limit || -d >= limit {
		return limit
	}
	before := make([]int, len(b)+1)
	prev := make([]int, len(b)+1)
	cur := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := range len(a) {
		cur[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			cur[j+1] = min(prev[j]+cost, prev[j+1]+1, cur[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				cur[j+1] = min(cur[j+1], before[j-1]+1)
			}
		}
		before, prev, cur = prev, cur, before
	}
	return min(prev[len(b)], limit)
}
