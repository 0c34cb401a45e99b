package layout

import (
	"cmp"
	"slices"
)

// layers are a graph's vertices by layer, each in the order in which it is drawn.
type layers struct {
	succs, preds [][]int32
	layer        []int // by vertex
	layers       [][]int32
	alone        []int32 // the vertices without edges
}

// newLayers puts every vertex as far left as its predecessors allow: a layer is the length of the longest path to it.
func newLayers(n int, edges []Edge) *layers {
	l := &layers{succs: make([][]int32, n), preds: make([][]int32, n), layer: make([]int, n)}
	for _, e := range edges {
		if e.From < 0 || e.To < 0 || e.From >= n || e.To >= n || e.From == e.To {
			continue
		}
		l.succs[e.From] = append(l.succs[e.From], int32(e.To))
		l.preds[e.To] = append(l.preds[e.To], int32(e.From))
	}
	waits := make([]int, n)
	var ready []int32
	for v := range n {
		switch waits[v] = len(l.preds[v]); {
		case waits[v] == 0 && len(l.succs[v]) == 0:
			l.alone = append(l.alone, int32(v))
		case waits[v] == 0:
			ready = append(ready, int32(v))
		}
	}
	for i := 0; i < len(ready); i++ {
		v := ready[i]
		for _, w := range l.succs[v] {
			l.layer[w] = max(l.layer[w], l.layer[v]+1)
			if waits[w]--; waits[w] == 0 {
				ready = append(ready, w)
			}
		}
	}
	l.pull(ready)
	l.gather(n)
	return l
}

// pull moves what nothing comes before to the layer before its first successor: a long edge says nothing.
func (l *layers) pull(order []int32) {
	for _, v := range order {
		if len(l.preds[v]) > 0 {
			continue
		}
		first := l.layer[l.succs[v][0]]
		for _, w := range l.succs[v] {
			first = min(first, l.layer[w])
		}
		l.layer[v] = max(first-1, 0)
	}
}

// gather lists the vertices of each layer, in the order of their numbers, and drops layers that have become empty.
func (l *layers) gather(n int) {
	for v := range n {
		if len(l.preds[v])+len(l.succs[v]) == 0 {
			continue
		}
		for len(l.layers) <= l.layer[v] {
			l.layers = append(l.layers, nil)
		}
		l.layers[l.layer[v]] = append(l.layers[l.layer[v]], int32(v))
	}
	l.layers = slices.DeleteFunc(l.layers, func(layer []int32) bool { return len(layer) == 0 })
}

// order sorts each layer by the mean place of its vertices' neighbours, there and back, which leaves few crossings: the barycentre
// heuristic of Sugiyama, Tagawa and Toda, 1981.
func (l *layers) order() {
	place := make([]float64, len(l.layer)) // in its layer, from 0 to 1
	for _, layer := range l.layers {
		rank(layer, place)
	}
	key := make([]float64, len(l.layer))
	for range 4 {
		for _, layer := range l.layers {
			sortBy(layer, l.preds, place, key)
		}
		for _, layer := range slices.Backward(l.layers) {
			sortBy(layer, l.succs, place, key)
		}
	}
}

func sortBy(layer []int32, neighbours [][]int32, place, key []float64) {
	for _, v := range layer {
		key[v] = place[v]
		if ns := neighbours[v]; len(ns) > 0 {
			sum := 0.0
			for _, w := range ns {
				sum += place[w]
			}
			key[v] = sum / float64(len(ns))
		}
	}
	slices.SortStableFunc(layer, func(a, b int32) int { return cmp.Compare(key[a], key[b]) })
	rank(layer, place)
}

func rank(layer []int32, place []float64) {
	for i, v := range layer {
		place[v] = (float64(i) + 0.5) / float64(len(layer))
	}
}
