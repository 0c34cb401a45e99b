package prove

import "slices"

// exchanges counts the exchanges of two neighbours by which one order becomes another, see [exchanged].
func exchanges(from, to []int) (n int) {
	_, _, _, n = swaps(from, to, -1)
	return n
}

// exchanged returns the order that is from after the first n exchanges of two neighbours, of those by which it becomes to; and which two were exchanged
// last, as they are in it. Where from and to keep all edges of a graph, so do all orders between them.
func exchanged(from, to []int, n int) (order []int, first, second int) {
	order, first, second, _ = swaps(from, to, n)
	return order, first, second
}

// swaps makes the exchanges until the n-th; all where n is negative.
func swaps(from, to []int, n int) (order []int, first, second, made int) {
	order = slices.Clone(from)
	first, second = -1, -1
	for i, v := range to {
		for j := slices.Index(order[i:], v) + i; j > i; j-- {
			if made == n {
				return order, first, second, made
			}
			order[j-1], order[j] = order[j], order[j-1]
			first, second = order[j-1], order[j]
			made++
		}
	}
	return order, first, second, made
}
