// When each result began and ended, which of them the run had to wait for, and how much longer the others could have taken.
class Timeline {
	constructor(el, choose) {
		el.classList.add('timeline');
		this.end = results.reduce((end, r) => Math.max(end, r.start_ms + r.duration_ms), Math.max(report.duration_ms || 0, 0.01));
		this.only = h('input', {type: 'checkbox', onchange: () => this.show(this.shown)});
		this.axis = h('span', {class: 'axis'});
		// At first about eighty rows' worth of time is as wide as the screen.
		this.zoom = Math.max(1, results.length / 80);
		const button = (label, text, by) => h('button', {'aria-label': label, title: label + ' (key ' + text.replace('−', '-') + ')', onclick: () => this.scale(by)}, text);
		const share = report.duration_ms ? ' of ' + took(report.duration_ms) : '';
		el.append(
			h('div', {class: 'legend'},
				h('span', {}, 'Critical path: ', h('b', {}, took(data.path_ms)), share + ', ' + plural(data.critical.length, 'resource')),
				h('span', {}, h('i', {class: 'key-critical'}), 'critical'), h('span', {}, h('i', {class: 'key-slack'}), 'slack'),
				h('label', {}, this.only, ' critical path only'),
				h('span', {class: 'zoom'}, 'zoom', button('Zoom out', '−', 0.5), button('Zoom in', '+', 2))),
			h('div', {class: 'head', 'aria-hidden': 'true'}, h('span', {}, 'Resource'), this.axis));
		this.list = new List(el, 'Timeline', i => this.row(i), choose);
		this.list.before = first => this.window(first);
		this.list.rows.addEventListener('keydown', e => {
			const by = {'+': 2, '=': 2, '-': 0.5}[e.key];
			if (by && !e.ctrlKey && !e.metaKey) this.scale(by);
		});
		this.shown = [];
	}

	// window moves the axis: of a long run it shows a part, which begins where the first row in sight does.
	window(first) {
		this.span = this.end / this.zoom;
		this.from = this.zoom === 1 || first === undefined ? 0 : Math.min(results[first].start_ms, this.end - this.span);
		const ticks = [], rough = this.span / 6, power = 10 ** Math.floor(Math.log10(rough));
		const step = [1, 2, 5, 10].find(m => m * power >= rough) * power;
		for (let n = Math.ceil(this.from / step); n * step < this.from + this.span * 0.97; n++) {
			const tick = h('span', {}, took(n * step).replace(/\.0+(?=\D)/, ''));
			tick.style.left = this.percent(n * step);
			ticks.push(tick);
		}
		if (this.zoom > 1) {
			const part = h('i', {class: 'window'});
			part.style.left = (this.from / this.end * 94).toFixed(3) + '%';
			part.style.width = (this.span / this.end * 94).toFixed(3) + '%';
			ticks.push(h('i', {class: 'whole'}), part);
		}
		this.axis.replaceChildren(...ticks);
	}

	scale(by) {
		this.zoom = Math.min(Math.max(1, this.zoom * by), Math.max(1, this.end / 0.5));
		this.list.draw();
	}

	percent(ms) { return ((ms - this.from) / this.span * 94).toFixed(3) + '%'; }

	row(i) {
		const r = results[i], on = critical.has(i);
		const bar = h('i', {class: on ? 'bar critical' : 'bar'}), label = h('em', {}, took(r.duration_ms));
		bar.style.left = this.percent(r.start_ms);
		bar.style.width = this.percent(this.from + r.duration_ms);
		const track = h('span', {class: 'track'}, bar);
		let end = r.start_ms + r.duration_ms;
		if (!on && data.slack[i] > 0) {
			const slack = h('i', {class: 'slack'}), room = Math.min(data.slack[i], this.end - end);
			slack.style.left = this.percent(end);
			slack.style.width = this.percent(this.from + Math.max(0, room));
			track.append(slack);
		}
		// A label beside a bar that ends far to the right stands before it, where there is room, else in it.
		if (end > this.from + this.span * 0.85) {
			const before = r.start_ms > this.from + this.span * 0.2;
			label.style.right = 'calc(100% - ' + this.percent(before ? r.start_ms : end) + ' + 6px)';
		} else {
			label.style.left = 'calc(max(' + this.percent(end) + ', ' + this.percent(r.start_ms) + ' + 2px) + 6px)';
		}
		track.append(label);
		return h('div', {}, h('span', {class: 'address', title: printable(r.address)}, r.address), track);
	}

	show(shown) {
		this.shown = shown;
		const items = this.only.checked ? shown.filter(i => critical.has(i)) : shown.slice();
		this.list.show(items.sort((a, b) => results[a].start_ms - results[b].start_ms || a - b));
	}

	choice(i) { this.list.choice(i); }
	visible() { this.list.choice(this.list.chosen); }
	focus() { this.list.rows.focus(); }
}
