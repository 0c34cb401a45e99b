// The data of the page, what is derived from it, and small tools.
const data = JSON.parse(document.getElementById('data').textContent);
const report = data.report;
const results = report.results || [];
const edges = report.edges || [];
const outcomes = ['failed', 'skipped', 'changed', 'refreshed', 'pending', 'unchanged'];
const critical = new Set(data.critical);
const byAddress = new Map(results.map((r, i) => [r.address, i]));

// after[v] and before[v] list what comes after and before a vertex; vertices from results.length on are barriers, which stand for sets.
const after = data.graph.x.map(() => []), before = data.graph.x.map(() => []);
for (const e of edges) {
	after[e.from].push(e);
	before[e.to].push(e);
}

// beyond lists the results next to one along edges, through barriers.
function beyond(v, along, end) {
	const found = new Map(), seen = new Set([v]), todo = [[v, false]];
	while (todo.length) {
		const [at, notify] = todo.pop();
		for (const e of along[at]) {
			const w = e[end];
			if (w < results.length) found.set(w, found.get(w) || notify || !!e.notify);
			else if (!seen.has(w)) {
				seen.add(w);
				todo.push([w, notify || !!e.notify]);
			}
		}
	}
	return [...found].sort((a, b) => a[0] - b[0]);
}

// printable escapes what would turn the direction of writing or not show at all.
function printable(s) {
	return String(s).replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
		c => '\\u' + c.charCodeAt(0).toString(16).padStart(4, '0'));
}

// h makes an element: attributes, then children; texts are texts.
function h(name, attributes, ...children) {
	const el = document.createElement(name);
	for (const [k, v] of Object.entries(attributes || {})) {
		if (k.startsWith('on')) el.addEventListener(k.slice(2), v);
		else if (v !== null && v !== undefined && v !== false) el.setAttribute(k, v === true ? '' : v);
	}
	for (const c of children.flat(3)) {
		if (c !== null && c !== undefined && c !== false) el.append(c instanceof Node ? c : printable(c));
	}
	return el;
}

function took(ms) {
	if (ms >= 60000) return Math.floor(ms / 60000) + 'm' + Math.round(ms % 60000 / 1000) + 's';
	if (ms >= 1000) return (ms / 1000).toFixed(ms < 10000 ? 2 : 1) + 's';
	if (ms >= 10) return Math.round(ms) + 'ms';
	return (ms || 0).toFixed(ms < 0.095 ? 2 : 1) + 'ms';
}

function plural(n, word) { return n + ' ' + word + (n === 1 ? '' : 's'); }

// summary says in one line what there is to tell of a result.
function summary(r) {
	if (r.error) return r.error.summary;
	if (r.because) return 'because ' + r.because + ' failed';
	const parts = (r.changes || []).map(c => {
		if (c.diff) return c.attribute + ': ' + plural(lines(c.diff, '+'), 'line') + ' in, ' + lines(c.diff, '-') + ' out';
		return c.attribute + ': ' + (c.before || '(none)') + ' → ' + (c.after || '(none)');
	});
	if (r.refreshed && r.notified_by) parts.push('notified by ' + r.notified_by.join(', '));
	if (r.reason) parts.push(r.reason);
	if (r.warnings) parts.push(...r.warnings);
	return parts.join('; ');
}

function lines(diff, sign) {
	let n = 0, hunk = false;
	for (const line of diff.split('\n')) {
		if (line.startsWith('@@')) hunk = true;
		else if (hunk && line.startsWith(sign)) n++;
	}
	return n;
}

// textOf is what the search looks at.
const texts = new Array(results.length);
function textOf(i) {
	return texts[i] ??= [results[i].address, results[i].pos, summary(results[i]), results[i].error?.detail].join('\n').toLowerCase();
}
