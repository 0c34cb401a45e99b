// The panel that tells all of one result.
class Detail {
	constructor(el, choose, close) {
		Object.assign(this, {el, choose, close});
	}

	show(i) {
		this.el.hidden = i < 0;
		if (i < 0) return;
		const r = results[i];
		this.el.replaceChildren(...[
			h('button', {class: 'close', 'aria-label': 'Close details', title: 'Close (Escape)', onclick: this.close}, '×'),
			h('h2', {}, r.address),
			h('p', {class: r.outcome}, h('span', {class: 'state'}, this.outcome(r)), r.pos && h('span', {class: 'mono muted'}, ' ' + r.pos)),
			this.error(r),
			this.because(r),
			r.reason && h('p', {}, r.reason),
			(r.warnings || []).map(w => h('p', {class: 'pending'}, h('span', {class: 'state'}, 'warning '), w)),
			this.changes(r),
			this.chain(r),
			this.relations('Comes after', beyond(i, before, 'from'), 'notified by '),
			this.relations('Comes before', beyond(i, after, 'to'), 'notifies '),
			h('h3', {}, 'Time'),
			h('p', {}, 'Began at ' + took(r.start_ms) + ', took ' + took(r.duration_ms) + '. ' +
				(critical.has(i) ? 'On the critical path.' : 'Slack ' + took(data.slack[i]) + '.')),
		].flat(2).filter(Boolean));
		this.el.scrollTop = 0;
	}

	outcome(r) {
		let s = r.outcome;
		if (r.outcome === 'changed' && r.refreshed) s = 'changed and refreshed';
		const notes = [];
		if (report.mode === 'plan' && r.certainty && r.certainty !== 'exact') notes.push(r.certainty);
		if (r.drift) notes.push('drift');
		if (r.noop) notes.push('noop');
		if ((r.outcome === 'changed' || r.outcome === 'pending') && !r.reversible) notes.push('irreversible');
		return s + (notes.length ? ' (' + notes.join(', ') + ')' : '');
	}

	error(r) {
		if (!r.error) return null;
		return h('div', {class: 'error'},
			r.error.pos && h('p', {class: 'mono muted'}, r.error.pos),
			h('p', {}, h('b', {}, r.error.summary)),
			r.error.detail && h('pre', {tabindex: 0}, r.error.detail.replace(/\n$/, '').split('\n').map(l => h('span', {}, l || ' '))));
	}

	because(r) {
		return r.because ? h('p', {}, 'Skipped because ', this.link(r.because), ' failed.') : null;
	}

	changes(r) {
		if (!r.changes?.length) return null;
		const plain = r.changes.filter(c => !c.diff), diffs = r.changes.filter(c => c.diff);
		return [
			h('h3', {}, r.outcome === 'pending' ? 'Would change' : 'Changes'),
			plain.length > 0 && h('dl', {class: 'change'}, plain.map(c => [
				h('dt', {}, c.attribute),
				h('dd', {}, h('del', {}, c.before || '(none)'), ' → ', h('ins', {}, c.after || '(none)'))])),
			diffs.map(c => [h('p', {class: 'mono muted'}, c.attribute), this.diff(c.diff)]),
		].flat();
	}

	diff(text) {
		const most = 3000, all = text.replace(/\n$/, '').split('\n');
		let hunk = false;
		const spans = all.slice(0, most).map(l => {
			hunk = hunk || l.startsWith('@@');
			const kind = l.startsWith('@@') ? 'hunk' : !hunk ? 'muted' : l.startsWith('+') ? 'add' : l.startsWith('-') ? 'del' : null;
			return h('span', {class: kind}, l || ' ');
		});
		if (all.length > most) spans.push(h('span', {class: 'muted'}, '… ' + (all.length - most) + ' more lines'));
		return h('pre', {tabindex: 0}, spans);
	}

	// chain tells by what the result was notified, and that by what, back to the first cause.
	chain(r) {
		if (!r.notified_by?.length) return null;
		const items = [], seen = new Set([r.address]);
		const add = (addresses, depth) => {
			for (const a of addresses) {
				if (seen.has(a) || items.length >= 30) continue;
				seen.add(a);
				const cause = results[byAddress.get(a)];
				items.push(h('li', {}, '\u00a0'.repeat(depth * 3) + '↳ ', this.link(a), cause ? h('span', {class: 'muted'}, ' ' + cause.outcome) : null));
				if (cause) add(cause.notified_by || [], depth + 1);
			}
		};
		add(r.notified_by, 0);
		return [h('h3', {}, 'Notified by'), h('ul', {}, items)];
	}

	relations(title, found, notify) {
		if (!found.length) return null;
		const most = 12;
		const items = found.slice(0, most).map(([v, n]) => h('li', {}, n ? h('span', {class: 'muted'}, notify) : null, this.link(results[v].address)));
		if (found.length > most) items.push(h('li', {class: 'muted'}, 'and ' + (found.length - most) + ' more'));
		return [h('h3', {}, title), h('ul', {}, items)];
	}

	link(address) {
		const i = byAddress.get(address);
		if (i === undefined) return h('span', {class: 'mono'}, address);
		return h('button', {class: 'link', onclick: () => this.choose(i)}, address);
	}
}
