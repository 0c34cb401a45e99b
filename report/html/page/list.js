// A list of which only the visible rows are in the document: ten thousand scroll as ten do.
const rowHeight = 30;

class List {
	// row(i, at) makes the element of result i at place at. Before rows are drawn, before (where set) is told the first of them.
	constructor(el, label, row, choose) {
		Object.assign(this, {row, choose, items: [], chosen: -1, whole: false});
		this.all = h('div', {class: 'all', role: 'presentation'});
		this.rows = h('div', {class: 'rows', role: 'listbox', tabindex: 0, 'aria-label': label}, this.all);
		this.rows.addEventListener('scroll', () => this.draw());
		this.rows.addEventListener('keydown', e => this.key(e));
		this.rows.addEventListener('click', e => {
			const at = e.target.closest('.row')?.dataset.at;
			if (at !== undefined) this.choose(this.items[+at]);
		});
		el.append(this.rows);
		new ResizeObserver(() => this.draw()).observe(this.rows);
		for (const event of ['beforeprint', 'afterprint']) addEventListener(event, () => { // paper does not scroll
			this.whole = event === 'beforeprint';
			this.draw();
		});
	}

	show(items) {
		this.items = items;
		this.place = new Map(items.map((v, at) => [v, at]));
		this.all.style.height = items.length * rowHeight + 'px';
		this.draw();
	}

	draw() {
		this.before?.(this.items[Math.min(this.items.length - 1, Math.ceil(this.rows.scrollTop / rowHeight))]);
		const from = this.whole ? 0 : Math.max(0, Math.floor(this.rows.scrollTop / rowHeight) - 5);
		const to = this.whole ? this.items.length : Math.min(this.items.length, from + Math.ceil(this.rows.clientHeight / rowHeight) + 10);
		const made = [];
		for (let at = from; at < to; at++) {
			const i = this.items[at], el = this.row(i, at);
			el.classList.add('row', results[i].outcome);
			el.id = this.rows.parentElement.id + '-' + i;
			el.dataset.at = at;
			el.setAttribute('role', 'option');
			el.setAttribute('aria-selected', i === this.chosen);
			el.setAttribute('aria-setsize', this.items.length);
			el.setAttribute('aria-posinset', at + 1);
			el.style.top = at * rowHeight + 'px';
			made.push(el);
		}
		if (!this.items.length) made.push(h('p', {class: 'nothing'}, results.length ? 'Nothing matches. Escape clears search and filters.' : 'Nothing is declared.'));
		this.all.replaceChildren(...made);
		const at = this.place?.get(this.chosen);
		if (at >= from && at < to) this.rows.setAttribute('aria-activedescendant', this.rows.parentElement.id + '-' + this.chosen);
		else this.rows.removeAttribute('aria-activedescendant');
	}

	choice(i) {
		this.chosen = i;
		const at = this.place?.get(i);
		if (at !== undefined) {
			const top = at * rowHeight, height = this.rows.clientHeight;
			const off = Math.max(this.rows.scrollTop - top, top + rowHeight - this.rows.scrollTop - height);
			if (off > 3 * rowHeight) this.rows.scrollTop = top - (height - rowHeight) / 2;
			else if (top < this.rows.scrollTop) this.rows.scrollTop = top;
			else if (top + rowHeight > this.rows.scrollTop + height) this.rows.scrollTop = top + rowHeight - height;
		}
		this.draw();
	}

	key(e) {
		const page = Math.max(1, Math.floor(this.rows.clientHeight / rowHeight) - 1);
		const at = this.place.get(this.chosen) ?? -1, last = this.items.length - 1;
		const to = {ArrowDown: at + 1, ArrowUp: Math.max(at, 1) - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: last}[e.key];
		if (to === undefined || last < 0 || e.ctrlKey || e.metaKey || e.altKey) return;
		e.preventDefault();
		this.choose(this.items[Math.min(last, Math.max(0, to))]);
	}
}
