// The table of results.
class Table {
	constructor(el, choose) {
		el.classList.add('table');
		el.append(h('div', {class: 'head', 'aria-hidden': 'true'}, h('span', {}, 'Outcome'), h('span', {}, 'Resource'), h('span', {class: 'what'}, 'What'),
			h('span', {class: 'pos'}, 'Declared'), h('span', {class: 'took'}, 'Took')));
		this.list = new List(el, 'Resources', i => {
			const r = results[i];
			return h('div', {}, h('span', {class: 'outcome'}, r.outcome), h('span', {class: 'address', title: printable(r.address)}, r.address),
				h('span', {class: 'what'}, summary(r)), h('span', {class: 'pos'}, r.pos), h('span', {class: 'took'}, took(r.duration_ms)));
		}, choose);
	}

	show(shown) { this.list.show(shown); }
	choice(i) { this.list.choice(i); }
	visible() { this.list.choice(this.list.chosen); }
	focus() { this.list.rows.focus(); }
}
