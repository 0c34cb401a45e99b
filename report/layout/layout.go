// Package layout places the vertices of a directed acyclic graph in layers, as people draw such graphs: every edge leads to the right where that is
// possible, few edges cross, and neighbours are near each other.
//
// The unit is one cell: X counts columns, Y rows. Drawings scale them. The cost is linear in vertices and edges but for sorting, up to
// graphs of 100,000 vertices; the result depends on nothing but the arguments.
package layout

import (
	"math"
	"slices"
)

// Edge leads from one vertex to another, by their numbers.
type Edge struct{ From, To int }

// Point is the place of a vertex: the column and the row of its cell.
type Point struct{ X, Y float64 }

// Layout is a graph's drawing. Every point lies in [0, Width-1] x [0, Height-1].
type Layout struct {
	At            []Point
	Width, Height float64 // cells
}

const (
	// A drawing this much wider than high is what a screen shows best.
	screen = 1.6
	// Columns of fewer rows are never broken, and drawings of fewer columns never folded.
	fewRows    = 24
	fewColumns = 16
	// WithinLayer is how far apart, in cells, the columns of one layer are: they need no room for edges between them. What is drawn in a cell has to be narrower.
	WithinLayer = 0.8
)

// Layered places n vertices. Edges that name no vertex are left out, and so is what closes a cycle. cell is the width of a cell
// divided by its height.
func Layered(n int, edges []Edge, cell float64) Layout {
	l := newLayers(n, edges)
	l.order()
	d := drawing{layers: l, at: make([]Point, n)}
	linked := 0
	for _, layer := range l.layers {
		linked += len(layer)
	}
	d.rows = max(fewRows, int(math.Ceil(math.Sqrt(float64(max(linked, len(l.alone)))*cell/screen))))
	d.place()
	d.fold(cell)
	d.placeAlone(cell)
	return Layout{At: d.at, Width: d.width, Height: d.height}
}

// drawing is a layout under way.
type drawing struct {
	*layers
	at            []Point
	rows          int // a layer of more is broken into several columns
	width, height float64
}

// place puts layers beside each other.
func (d *drawing) place() {
	x := 0.0
	for _, layer := range d.layers.layers {
		columns := (len(layer) + d.rows - 1) / d.rows
		rows := (len(layer) + columns - 1) / columns
		for i, v := range layer {
			d.at[v] = Point{x + WithinLayer*float64(i/rows), float64(i%rows) - float64(rows-1)/2}
		}
		x += 1 + WithinLayer*float64(columns-1)
	}
	d.width = x
	for range 4 {
		for _, layer := range d.layers.layers {
			d.straighten(layer, d.preds)
		}
		for _, layer := range slices.Backward(d.layers.layers) {
			d.straighten(layer, d.succs)
		}
	}
	d.height = d.settle(d.layers.layers)
}

// straighten moves the vertices of a layer of one column as near as can be to the mean height of their neighbours on one side, keeping their order.
func (d *drawing) straighten(layer []int32, neighbours [][]int32) {
	if len(layer) > d.rows {
		return
	}
	wanted := make([]float64, len(layer))
	for i, v := range layer {
		wanted[i] = d.at[v].Y
		if ns := neighbours[v]; len(ns) > 0 {
			sum := 0.0
			for _, w := range ns {
				sum += d.at[w].Y
			}
			wanted[i] = sum / float64(len(ns))
		}
	}
	for i, y := range spread(wanted) {
		d.at[layer[i]].Y = y
	}
}

// spread returns the places nearest to the wanted ones (by least squares) that keep the order and are at least one apart. It pools
// adjacent violators: Robertson, Wright and Dykstra, Order Restricted Statistical Inference, 1988.
func spread(wanted []float64) []float64 {
	type block struct {
		sum   float64
		count int
	}
	var blocks []block
	for i, y := range wanted {
		b := block{y - float64(i), 1}
		for len(blocks) > 0 {
			last := blocks[len(blocks)-1]
			if last.sum/float64(last.count) <= b.sum/float64(b.count) {
				break
			}
			b.sum, b.count = b.sum+last.sum, b.count+last.count
			blocks = blocks[:len(blocks)-1]
		}
		blocks = append(blocks, b)
	}
	out := make([]float64, 0, len(wanted))
	for _, b := range blocks {
		for range b.count {
			out = append(out, b.sum/float64(b.count)+float64(len(out)))
		}
	}
	return out
}

// settle moves vertices down so that the highest is at 0, and returns the height they need.
func (d *drawing) settle(layers [][]int32) float64 {
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, layer := range layers {
		for _, v := range layer {
			lo, hi = min(lo, d.at[v].Y), max(hi, d.at[v].Y)
		}
	}
	if lo > hi {
		return 0
	}
	for _, layer := range layers {
		for _, v := range layer {
			d.at[v].Y -= lo
		}
	}
	return hi - lo + 1
}

// fold breaks a long and flat drawing into bands, one below the other, as text is broken into lines.
func (d *drawing) fold(cell float64) {
	if d.width <= fewColumns || d.width*cell < 3*screen*d.height {
		return
	}
	bands := math.Ceil(math.Sqrt(d.width * cell / screen / (d.height + 1)))
	long := max(d.width/bands, fewColumns/2)
	var band [][]int32
	start, top, width := 0.0, 0.0, 0.0
	end := func() {
		height := d.settle(band)
		for _, layer := range band {
			for _, v := range layer {
				d.at[v].X -= start
				d.at[v].Y += top
				width = max(width, d.at[v].X+1)
			}
		}
		top += height + 1
		band = nil
	}
	for _, layer := range d.layers.layers {
		if x := d.at[layer[0]].X; x-start >= long {
			end()
			start = x
		}
		band = append(band, layer)
	}
	end()
	d.width, d.height = width, top-1
}

// placeAlone puts the vertices without edges below all others, in rows as wide as the rest.
func (d *drawing) placeAlone(cell float64) {
	if len(d.alone) == 0 {
		return
	}
	columns := max(int((d.width-1)/WithinLayer)+1, int(math.Ceil(math.Sqrt(float64(len(d.alone))*screen/(WithinLayer*cell)))))
	columns = min(columns, len(d.alone))
	top := d.height
	if top > 0 {
		top++
	}
	for i, v := range d.alone {
		d.at[v] = Point{WithinLayer * float64(i%columns), top + float64(i/columns)}
	}
	d.width = max(d.width, WithinLayer*float64(columns-1)+1)
	d.height = top + float64((len(d.alone)-1)/columns) + 1
}
