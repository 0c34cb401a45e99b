// The graph, on a canvas: the layout comes with the data.
const boxWidth = 166, boxHeight = 28;

class Graph {
	constructor(el, choose) {
		Object.assign(this, {choose, chosen: -1, hovered: -1, scale: 1, x: 0, y: 0, fitted: false});
		this.canvas = h('canvas', {tabindex: 0, role: 'application', 'aria-label': 'Graph of resources. Arrow keys follow the order, plus and minus zoom, 0 shows all.'});
		this.tip = h('div', {class: 'tip', hidden: true});
		const tool = (label, text, act) => h('button', {'aria-label': label, title: label, onclick: act}, text);
		el.append(this.canvas, this.tip,
			h('div', {class: 'tools'}, tool('Zoom in', '+', () => this.zoom(1.4)), tool('Zoom out', '−', () => this.zoom(1 / 1.4)), tool('Show all', '⤢', () => this.fit())),
			h('p', {class: 'keys'}, 'drag to move, wheel to zoom, arrow keys follow the order; dashed: notify'));
		this.pen = this.canvas.getContext('2d');
		const g = data.graph;
		this.left = Float64Array.from(g.x, x => x * g.cell_width);
		this.top = Float64Array.from(g.y, y => y * g.cell_height);
		this.match = new Uint8Array(results.length).fill(1);
		this.listen();
	}

	listen() {
		const c = this.canvas;
		new ResizeObserver(() => this.resize()).observe(c);
		matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.draw());
		c.addEventListener('wheel', e => {
			e.preventDefault();
			this.zoom(Math.exp(-e.deltaY * (e.deltaMode ? 0.05 : 0.0015)), e.offsetX, e.offsetY);
		}, {passive: false});
		let from = null;
		c.addEventListener('pointerdown', e => {
			from = {x: e.offsetX, y: e.offsetY, moved: false};
			c.setPointerCapture(e.pointerId);
		});
		c.addEventListener('pointermove', e => {
			if (!from) return this.hover(e.offsetX, e.offsetY);
			if (!from.moved && Math.hypot(e.offsetX - from.x, e.offsetY - from.y) < 4) return;
			from.moved = true;
			c.classList.add('moving');
			this.tip.hidden = true;
			this.x += e.offsetX - from.x;
			this.y += e.offsetY - from.y;
			from.x = e.offsetX;
			from.y = e.offsetY;
			this.draw();
		});
		c.addEventListener('pointerup', e => {
			c.classList.remove('moving');
			if (from && !from.moved) this.choose(this.at(e.offsetX, e.offsetY));
			from = null;
		});
		c.addEventListener('pointerleave', () => this.hover(-1e9, -1e9));
		c.addEventListener('keydown', e => this.key(e));
	}

	key(e) {
		if (e.ctrlKey || e.metaKey || e.altKey) return;
		if (e.key === '+' || e.key === '=') this.zoom(1.4);
		else if (e.key === '-') this.zoom(1 / 1.4);
		else if (e.key === '0') this.fit();
		else if (e.key.startsWith('Arrow')) {
			const to = this.next(e.key);
			if (to >= 0) this.choose(to);
		} else return;
		e.preventDefault();
	}

	// next is the result that an arrow key leads to: along the edges to the sides, within the layer up and down.
	next(key) {
		const v = this.chosen;
		if (v < 0) return results.length ? 0 : -1;
		const nearest = (found) => found.reduce((best, w) => best < 0 || this.distance(v, w) < this.distance(v, best) ? w : best, -1);
		if (key === 'ArrowRight') return nearest(beyond(v, after, 'to').map(f => f[0]));
		if (key === 'ArrowLeft') return nearest(beyond(v, before, 'from').map(f => f[0]));
		const side = key === 'ArrowDown' ? 1 : -1, found = [];
		for (let w = 0; w < results.length; w++) {
			if (Math.abs(this.left[w] - this.left[v]) < 1 && (this.top[w] - this.top[v]) * side > 1) found.push(w);
		}
		return nearest(found);
	}

	distance(v, w) { return Math.hypot(this.left[v] - this.left[w], 3 * (this.top[v] - this.top[w])); }

	show(shown) {
		this.match.fill(0);
		for (const i of shown) this.match[i] = 1;
		this.all = shown.length === results.length;
		this.draw();
	}

	choice(i) {
		this.chosen = i;
		if (i >= 0 && this.fitted && !this.canvas.closest('[hidden]')) this.reveal(i);
		this.draw();
	}

	visible() {
		this.resize();
		if (this.chosen >= 0 && this.scale > 0.4) this.reveal(this.chosen);
		this.draw();
	}

	focus() { this.canvas.focus(); }

	// reveal moves the drawing until the box of result i is in sight.
	reveal(i) {
		const x = this.left[i] * this.scale + this.x, y = this.top[i] * this.scale + this.y;
		const w = boxWidth * this.scale, t = boxHeight * this.scale;
		if (x < 0 || x + w > this.width) this.x += this.width / 2 - x - w / 2;
		if (y < 0 || y + t > this.height) this.y += this.height / 2 - y - t / 2;
	}

	resize() {
		const ratio = devicePixelRatio || 1;
		const {clientWidth: width, clientHeight: height} = this.canvas;
		if (!width || !height) return;
		Object.assign(this, {width, height});
		this.canvas.width = Math.round(width * ratio);
		this.canvas.height = Math.round(height * ratio);
		this.ratio = ratio;
		if (this.fitted) this.draw();
		else this.fit();
	}

	fit() {
		if (!this.width) return;
		const g = data.graph, room = 24;
		const width = Math.max(boxWidth, (g.width - 1) * g.cell_width + boxWidth), height = Math.max(boxHeight, (g.height - 1) * g.cell_height + boxHeight);
		this.scale = Math.min(1.25, (this.width - 2 * room) / width, (this.height - 2 * room - 20) / height);
		this.x = (this.width - width * this.scale) / 2;
		this.y = (this.height - 20 - height * this.scale) / 2;
		this.fitted = true;
		this.draw();
	}

	zoom(by, x = this.width / 2, y = this.height / 2) {
		const scale = Math.min(3, Math.max(0.01, this.scale * by));
		this.x = x - (x - this.x) * scale / this.scale;
		this.y = y - (y - this.y) * scale / this.scale;
		this.scale = scale;
		this.draw();
	}

	// at is the result under a point of the canvas, -1 if there is none.
	at(x, y) {
		const gx = (x - this.x) / this.scale, gy = (y - this.y) / this.scale, near = 3 / this.scale;
		for (let i = 0; i < results.length; i++) {
			if (gx >= this.left[i] - near && gx <= this.left[i] + boxWidth + near && gy >= this.top[i] - near && gy <= this.top[i] + boxHeight + near) return i;
		}
		return -1;
	}

	hover(x, y) {
		const i = this.at(x, y);
		this.canvas.classList.toggle('pointing', i >= 0);
		this.tip.hidden = i < 0;
		if (i < 0) return;
		if (i !== this.hovered) this.tip.textContent = printable(results[i].address) + ' · ' + results[i].outcome;
		this.hovered = i;
		this.tip.style.left = Math.max(0, Math.min(x + 14, this.width - this.tip.offsetWidth - 8)) + 'px';
		this.tip.style.top = (y + 40 > this.height ? y - 32 : y + 18) + 'px';
	}

	draw() {
		if (!this.fitted || this.asked) return;
		this.asked = requestAnimationFrame(() => {
			this.asked = 0;
			this.paint();
		});
	}

	paint() {
		const pen = this.pen, style = getComputedStyle(document.documentElement);
		this.colour = name => style.getPropertyValue('--' + name);
		pen.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
		pen.fillStyle = this.colour('bg');
		pen.fillRect(0, 0, this.width, this.height);
		pen.translate(this.x, this.y);
		pen.scale(this.scale, this.scale);
		// What of the drawing is in sight.
		this.sight = {x0: -this.x / this.scale - boxWidth, y0: -this.y / this.scale - boxHeight, x1: (this.width - this.x) / this.scale, y1: (this.height - this.y) / this.scale};
		this.paintEdges();
		this.paintBoxes();
	}

	paintEdges() {
		const pen = this.pen, v = this.chosen, far = this.scale < 0.25;
		const lit = new Set(v < 0 ? [] : this.lit(v));
		pen.lineWidth = Math.max(1, 0.7 / this.scale);
		pen.strokeStyle = this.colour('muted');
		// Many edges are a texture: what leads where shows at the chosen one.
		pen.globalAlpha = Math.min(0.5, Math.max(far ? 0.03 : 0.15, (far ? 300 : 1500) / edges.length)) * (this.all ? 1 : 0.4);
		for (const notify of [false, true]) {
			pen.setLineDash(notify && !far ? [5, 4] : []);
			pen.beginPath();
			for (const e of edges) if (!!e.notify === notify && !lit.has(e)) this.edge(e, far);
			pen.stroke();
		}
		pen.globalAlpha = 1;
		pen.strokeStyle = this.colour('accent');
		pen.lineWidth = Math.max(1.6, 1.3 / this.scale);
		for (const e of lit) {
			pen.setLineDash(e.notify ? [5, 4] : []);
			pen.beginPath();
			this.edge(e, false);
			pen.stroke();
		}
		pen.setLineDash([]);
	}

	// lit lists the edges at a vertex, on through barriers.
	lit(v) {
		const found = [];
		for (const [along, end] of [[after, 'to'], [before, 'from']]) {
			const todo = [v], seen = new Set(todo);
			while (todo.length) {
				for (const e of along[todo.pop()]) {
					found.push(e);
					if (e[end] >= results.length && !seen.has(e[end])) {
						seen.add(e[end]);
						todo.push(e[end]);
					}
				}
			}
		}
		return found;
	}

	edge(e, straight) {
		const pen = this.pen, s = this.sight, half = boxHeight / 2;
		const barrier = e.from >= results.length;
		const x0 = this.left[e.from] + (barrier ? boxWidth / 2 : boxWidth), y0 = this.top[e.from] + half;
		const x1 = this.left[e.to] + (e.to >= results.length ? boxWidth / 2 : 0), y1 = this.top[e.to] + half;
		if (Math.max(x0, x1) < s.x0 || Math.min(x0, x1) > s.x1 + boxWidth || Math.max(y0, y1) < s.y0 || Math.min(y0, y1) > s.y1 + boxHeight) return;
		pen.moveTo(x0, y0);
		if (straight) {
			pen.lineTo(x1, y1);
			return;
		}
		const bend = Math.min(120, Math.max(24, Math.abs(x1 - x0) / 2));
		pen.bezierCurveTo(x0 + bend, y0, x1 - bend, y1, x1, y1);
		if (e.to < results.length) {
			pen.moveTo(x1 - 6, y1 - 3.5);
			pen.lineTo(x1, y1);
			pen.lineTo(x1 - 6, y1 + 3.5);
		}
	}

	paintBoxes() {
		const pen = this.pen, s = this.sight, labels = this.scale > 0.35;
		const text = this.colour('text'), bg = this.colour('panel'), line = this.colour('line'), accent = this.colour('accent'), muted = this.colour('muted');
		const colours = Object.fromEntries(outcomes.map(o => [o, this.colour(o)]));
		pen.font = '13px ' + this.colour('mono');
		// From far away what happened must not drown among what did not.
		const still = `color-mix(in srgb, ${colours.unchanged} 40%, ${this.colour('bg')})`;
		pen.textBaseline = 'middle';
		this.letter ??= pen.measureText('m').width;
		// Seen from far away a box must still be a dot.
		const grow = Math.max(0, (1.6 / this.scale - boxHeight) / 2);
		for (let v = 0; v < this.left.length; v++) {
			const x = this.left[v], y = this.top[v];
			if (x < s.x0 || x > s.x1 || y < s.y0 || y > s.y1) continue;
			if (v >= results.length) {
				pen.fillStyle = muted;
				pen.beginPath();
				pen.arc(x + boxWidth / 2, y + boxHeight / 2, 4, 0, 7);
				pen.fill();
				continue;
			}
			const o = results[v].outcome;
			pen.globalAlpha = this.match[v] ? 1 : 0.12;
			if (!labels) {
				pen.fillStyle = o === 'unchanged' ? still : colours[o];
				pen.fillRect(x, y - grow, boxWidth, boxHeight + 2 * grow);
			} else {
				pen.fillStyle = bg;
				pen.beginPath();
				pen.roundRect(x, y, boxWidth, boxHeight, 5);
				pen.fill();
				pen.strokeStyle = o === 'unchanged' ? line : colours[o];
				pen.lineWidth = o === 'unchanged' ? 1 : 1.5;
				pen.stroke();
				pen.fillStyle = colours[o];
				pen.fillRect(x + 6, y + 7, 5, boxHeight - 14);
				pen.fillStyle = text;
				pen.fillText(this.label(v), x + 17, y + boxHeight / 2 + 1);
			}
			pen.globalAlpha = 1;
			if (v === this.chosen) {
				const out = Math.max(3, 2 / this.scale);
				pen.strokeStyle = accent;
				pen.lineWidth = Math.max(2.5, 2 / this.scale);
				pen.strokeRect(x - out, y - out, boxWidth + 2 * out, boxHeight + 2 * out);
			}
		}
	}

	// label is an address that fits its box: the middle is left out.
	label(v) {
		const s = printable(results[v].address), most = Math.floor((boxWidth - 24) / this.letter);
		if (s.length <= most) return s;
		const tail = Math.ceil((most - 1) / 2);
		return s.slice(0, most - 1 - tail) + '…' + s.slice(-tail);
	}
}
