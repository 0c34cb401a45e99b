// The page as a whole: what is searched, filtered, shown and chosen.
const state = {view: 'list', query: '', outcomes: new Set(), chosen: -1};
const search = document.getElementById('search');
const tabs = [...document.querySelectorAll('[role=tab]')];
const chips = [...document.querySelectorAll('.chip')];
const views = {
	list: new Table(document.getElementById('view-list'), choose),
	graph: new Graph(document.getElementById('view-graph'), choose),
	timeline: new Timeline(document.getElementById('view-timeline'), choose),
};
const detail = new Detail(document.getElementById('detail'), choose, () => {
	choose(-1);
	views[state.view].focus();
});

function choose(i) {
	state.chosen = i;
	detail.show(i);
	for (const v of Object.values(views)) v.choice(i);
}

function refresh() {
	const words = state.query.toLowerCase().split(/\s+/).filter(Boolean), shown = [];
	for (let i = 0; i < results.length; i++) {
		if (state.outcomes.size && !state.outcomes.has(results[i].outcome)) continue;
		if (words.every(w => textOf(i).includes(w))) shown.push(i);
	}
	for (const v of Object.values(views)) v.show(shown);
	for (const c of chips) c.setAttribute('aria-pressed', state.outcomes.has(c.dataset.outcome));
	document.getElementById('shown').textContent = shown.length === results.length ? '' : shown.length + ' of ' + results.length;
}

function view(name) {
	state.view = name;
	for (const t of tabs) {
		const on = t.id === 'tab-' + name;
		t.setAttribute('aria-selected', on);
		t.tabIndex = on ? 0 : -1;
	}
	for (const n of Object.keys(views)) document.getElementById('view-' + n).hidden = n !== name;
	views[name].visible();
}

for (const t of tabs) t.addEventListener('click', () => view(t.id.slice(4)));
document.querySelector('[role=tablist]').addEventListener('keydown', e => {
	const step = {ArrowRight: 1, ArrowLeft: -1}[e.key];
	if (!step) return;
	const to = tabs[(tabs.indexOf(document.activeElement) + step + tabs.length) % tabs.length];
	to.focus();
	to.click();
});
for (const c of chips) c.addEventListener('click', () => {
	if (!state.outcomes.delete(c.dataset.outcome)) state.outcomes.add(c.dataset.outcome);
	refresh();
});
search.addEventListener('input', () => {
	state.query = search.value;
	refresh();
});
search.addEventListener('keydown', e => {
	if (e.key === 'Enter' || e.key === 'ArrowDown') {
		e.preventDefault();
		views[state.view].focus();
	}
});
// Escape takes back one thing after the other: the details, then search and filters.
document.addEventListener('keydown', e => {
	if (e.ctrlKey || e.metaKey || e.altKey) return;
	if (e.key === '/' && e.target !== search) {
		e.preventDefault();
		search.focus();
		search.select();
	} else if (e.key === 'Escape') {
		e.preventDefault();
		if (e.target !== search && state.chosen >= 0) {
			choose(-1);
		} else {
			search.value = state.query = '';
			state.outcomes.clear();
			refresh();
		}
		views[state.view].focus();
	} else if (e.target !== search && '123'.includes(e.key)) {
		view(['list', 'graph', 'timeline'][e.key - 1]);
		views[state.view].focus();
	} else if (e.key === 'Enter' && e.target.getAttribute('role') === 'listbox' && state.chosen >= 0) {
		e.preventDefault();
		document.getElementById('detail').focus();
	}
});

document.body.classList.remove('still');
for (const b of document.querySelectorAll('.notices .link')) b.addEventListener('click', () => choose(results.findIndex(r => printable(r.address) === b.textContent)));
for (const i of document.querySelectorAll('.share i')) i.style.flexGrow = i.dataset.n;
refresh();
// What went wrong is what one comes for.
const first = ['failed', 'changed', 'refreshed', 'pending'].map(o => results.findIndex(r => r.outcome === o)).find(i => i >= 0);
if (first !== undefined && matchMedia('(min-width: 801px)').matches) choose(first);
views.list.focus();
