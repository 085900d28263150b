/** An element. Text is set as text, never as markup: keys and reasons come from anywhere. */
export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children.filter((child) => child !== null).map(asNode));
  return element;
}

/** Replaces what an element holds. */
export function fill(id, ...children) {
  document.getElementById(id)?.replaceChildren(...children.map(asNode));
}

/** Draws what an element holds anew; the keyboard, and what was scrolled to the side, stay where they are, if that is still there. */
export function keepingFocus(id, draw) {
  const place = document.getElementById(id);
  const focused = place.contains(document.activeElement) ? labelOf(document.activeElement) : null;
  const labelled = () => [...place.querySelectorAll('[aria-label], [data-label]')];
  const scrolled = new Map(labelled().map((each) => [labelOf(each), each.scrollLeft]));
  draw();
  for (const each of labelled()) {
    if (scrolled.get(labelOf(each)) > 0) each.scrollLeft = scrolled.get(labelOf(each));
    if (focused !== null && labelOf(each) === focused) each.focus({ preventScroll: true });
  }
}

/** What says its name by what it holds has another for this. */
function labelOf(element) {
  return element.dataset.label ?? element.getAttribute('aria-label');
}

/** A table; a cell that is a number stands to the right, null is shown as unknown. */
export function table(caption, columns, rows) {
  const head = columns.map(({ title, number }) => make('th', { scope: 'col', class: number ? 'number' : '' }, title));
  const body = rows.map((row) =>
    make(
      'tr',
      {},
      // On a phone a row is a list, and the title stands before each cell.
      ...columns.map(({ title, value, number }) =>
        make('td', { class: number ? 'number' : '', 'data-title': title }, shown(value(row))),
      ),
    ),
  );
  const label = caption === '' ? null : make('caption', { class: 'quiet' }, caption);
  return make('table', {}, label, make('thead', {}, make('tr', {}, ...head)), make('tbody', {}, ...body));
}

/** A word with the colour of its meaning; the word alone says it too. */
export function tag(text, tone) {
  return make('span', { class: `tag ${tone}` }, text);
}

export function shown(value) {
  if (value === null || value === undefined) return 'unknown';
  return typeof value === 'number' ? number(value) : value;
}

export function number(value) {
  const digits = Math.abs(value) >= 100 || Number.isInteger(value) ? 0 : Math.abs(value) >= 1 ? 1 : 3;
  return value.toLocaleString('en', { maximumFractionDigits: digits });
}

/** `1 record`, `2 records`. */
export function counted(value, noun) {
  return `${number(value)} ${noun}${value === 1 ? '' : 's'}`;
}

export function rate(value) {
  return value === null ? 'unknown' : `${number(Math.round(value * 100) / 100)}/s`;
}

/** A share of one as percent. */
export function percent(value) {
  return value === null ? 'unknown' : `${number(value * 100)} %`;
}

export function seconds(value) {
  if (value === null || value === undefined) return 'unknown';
  if (value >= 172_800) return `${number(Math.round(value / 86_400))} d`;
  if (value >= 7_200) return `${number(Math.round(value / 3_600))} h`;
  if (value >= 120) return `${number(Math.round(value / 60))} min`;
  return value > 0 && value < 1 ? `${Math.round(value * 1_000)} ms` : `${number(value)} s`;
}

export function bytes(value) {
  if (value === null) return 'unknown';
  const steps = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const step = value < 1 ? 0 : Math.min(steps.length - 1, Math.floor(Math.log2(value) / 10));
  return `${number(Math.round((value / 1_024 ** step) * 10) / 10)} ${steps[step]}`;
}

/** The lines of a set of points, small. */
export function trend(points) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('class', 'trend');
  svg.setAttribute('viewBox', '0 0 100 24');
  svg.setAttribute('aria-hidden', 'true');
  if (points.length < 2) return svg;
  const [first] = points[0];
  const [last] = points[points.length - 1];
  const top = Math.max(1, ...points.map(([, value]) => value));
  const line = document.createElementNS('http://www.w3.org/2000/svg', 'polyline');
  const places = points.map(([at, value]) => `${((at - first) / (last - first)) * 100},${23 - (value / top) * 22}`);
  line.setAttribute('points', places.join(' '));
  svg.append(line);
  return svg;
}

function asNode(child) {
  return child instanceof Node ? child : document.createTextNode(String(child));
}
