'use strict';
const search = document.getElementById('search');
const count = document.getElementById('shown');
const rows = Array.from(document.querySelectorAll('table.nodes > tbody'));
const texts = [];
function filter() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const [i, row] of rows.entries()) {
    const hit = words.every((w) => (texts[i] ??= row.textContent.toLowerCase()).includes(w));
    row.hidden = !hit;
    shown += hit ? 1 : 0;
  }
  count.textContent = words.length ? shown + ' of ' + rows.length : '';
}
search.addEventListener('input', filter);
filter();
