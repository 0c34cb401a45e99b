// When each result began and ended, which of them the run had to wait for, and how much longer the others could have taken.
class Timeline {
	constructor(el, choose) {
		el.classList.add('timeline');
		this.end = results.reduce((end, r) => Math.max(end, r.start_ms + r.duration_ms), Math.max(report.duration_ms || 0, 0.01));
		this.only = h('input', {type: 'checkbox', onchange: () => this.show(this.shown)});
		const share = report.duration_ms ? ' of ' + took(report.duration_ms) : '';
		el.append(
			h('div', {class: 'legend'},
				h('span', {}, 'Critical path: ', h('b', {}, took(data.path_ms)), share + ', ' + data.critical.length + (data.critical.length === 1 ? ' resource' : ' resources')),
				h('span', {}, h('i', {class: 'key-critical'}), 'critical'), h('span', {}, h('i', {class: 'key-other'}), 'other'), h('span', {}, h('i', {class: 'key-slack'}), 'slack'),
				h('label', {}, this.only, ' critical path only')),
			h('div', {class: 'head', 'aria-hidden': 'true'}, h('span', {}, 'Resource'), this.axis()));
		this.list = new List(el, 'Timeline', i => this.row(i), choose);
		this.shown = [];
	}

	axis() {
		const axis = h('span', {class: 'axis'});
		const rough = this.end / 6, power = 10 ** Math.floor(Math.log10(rough));
		const step = [1, 2, 5, 10].find(m => m * power >= rough) * power;
		for (let n = 0; n * step < this.end * 0.97; n++) {
			const tick = h('span', {}, took(n * step).replace(/\.0+(?=\D)/, ''));
			tick.style.left = this.percent(n * step);
			axis.append(tick);
		}
		return axis;
	}

	percent(ms) { return (ms / this.end * 94).toFixed(3) + '%'; }

	row(i) {
		const r = results[i], on = critical.has(i);
		const bar = h('i', {class: on ? 'bar critical' : 'bar'}), label = h('em', {}, took(r.duration_ms));
		bar.style.left = this.percent(r.start_ms);
		bar.style.width = this.percent(r.duration_ms);
		const track = h('span', {class: 'track'}, bar);
		let end = r.start_ms + r.duration_ms;
		if (!on && data.slack[i] > 0) {
			const slack = h('i', {class: 'slack'}), room = Math.min(data.slack[i], this.end - end);
			slack.style.left = this.percent(end);
			slack.style.width = this.percent(Math.max(0, room));
			track.append(slack);
		}
		// A label beside a bar that ends far to the right stands before it.
		if (end > this.end * 0.85 && r.start_ms > this.end * 0.2) {
			label.style.right = 'calc(100% - ' + this.percent(r.start_ms) + ' + 6px)';
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
