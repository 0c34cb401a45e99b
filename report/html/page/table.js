// The table of results, in the order of declaration, of outcomes (what failed first) or of time (what took longest first).
class Table {
	constructor(el, choose) {
		el.classList.add('table');
		this.by = '';
		this.shown = [];
		this.heads = ['outcome', 'resource', 'what', 'pos', 'took'].map((name, i) => {
			const text = ['Outcome', 'Resource', 'What', 'Declared', 'Took'][i];
			if (!sorts[name]) return h('span', {class: name}, text);
			return h('button', {class: name, 'data-by': name, title: 'Sort by this, or again in the order of declaration', onclick: () => this.sort(name)}, text);
		});
		el.append(h('div', {class: 'head'}, this.heads));
		this.list = new List(el, 'Resources', i => {
			const r = results[i];
			return h('div', {}, h('span', {class: 'outcome'}, r.outcome), h('span', {class: 'address', title: printable(r.address)}, r.address),
				h('span', {class: 'what'}, summary(r)), h('span', {class: 'pos'}, r.pos), h('span', {class: 'took'}, took(r.duration_ms)));
		}, choose);
		this.sort('');
	}

	sort(by) {
		this.by = by === this.by ? '' : by;
		for (const b of this.heads) if (b.dataset.by) b.setAttribute('aria-pressed', b.dataset.by === this.by);
		this.show(this.shown);
	}

	show(shown) {
		this.shown = shown;
		const by = sorts[this.by];
		this.list.show(by ? shown.slice().sort((a, b) => by(results[a]) - by(results[b]) || a - b) : shown);
	}

	choice(i) { this.list.choice(i); }
	visible() { this.list.choice(this.list.chosen); }
	focus() { this.list.rows.focus(); }
}

const sorts = {outcome: r => outcomes.indexOf(r.outcome), took: r => -r.duration_ms};
