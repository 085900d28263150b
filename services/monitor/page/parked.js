import { confirm } from './confirm.js';
import { counted, fill, make, number, seconds, table } from './dom.js';
import { read } from './operator.js';
import { scrolling, time } from './tables.js';

const PAGE = 20;
/** Rows by reason: they are changed in place, so that the keyboard stays where it is. */
const rows = new Map();
let shownReason = null;

/** What is parked, by reason, with what can be done about it. */
export function drawParked({ records, keys, byReason }) {
  const said = document.getElementById('parked-said');
  if (records === null) said.textContent = 'unknown';
  else if (records === 0) said.textContent = 'No record is set aside.';
  else said.textContent = `${counted(records, 'record')}; commands of ${counted(keys, 'key')} wait behind one.`;
  document.getElementById('parked-groups').hidden = rows.size === 0 && byReason.length === 0;
  const body = tableBody();
  for (const [reason, { row }] of rows) {
    if (byReason.some((group) => group.reason === reason)) continue;
    row.remove();
    rows.delete(reason);
  }
  for (const group of byReason) {
    const known = rows.get(group.reason) ?? addRow(body, group.reason);
    known.count.textContent = number(group.count);
    known.oldest.textContent = seconds(group.oldestSeconds);
  }
}

function tableBody() {
  const place = document.getElementById('parked-groups');
  const found = place.querySelector('tbody');
  if (found !== null) return found;
  const titles = [['Reason', ''], ['Records', 'number'], ['Oldest', 'number'], ['What to do', '']];
  const head = titles.map(([title, kind]) => make('th', { scope: 'col', class: kind }, title));
  const body = make('tbody', {});
  const drawn = make('table', {}, make('thead', {}, make('tr', {}, ...head)), body);
  place.replaceChildren(scrolling('Parked records by reason', drawn));
  return body;
}

function addRow(body, reason) {
  const count = make('td', { class: 'number', 'data-title': 'Records' });
  const oldest = make('td', { class: 'number', 'data-title': 'Oldest' });
  const verbs = make(
    'span',
    { class: 'verbs' },
    button('Show', `Show what is parked for ${reason}`, () => void show(reason)),
    button('Redrive', `Redrive what is parked for ${reason}`, () => ask('redrive', { reason }, `what is parked for ${reason}`)),
    button('Discard', `Discard what is parked for ${reason}`, () => ask('discard', { reason }, `what is parked for ${reason}`)),
  );
  const row = make('tr', { 'data-reason': reason }, make('td', { 'data-title': 'Reason' }, reason), count, oldest, make('td', { 'data-title': 'What to do' }, verbs));
  body.append(row);
  rows.set(reason, { row, count, oldest });
  return rows.get(reason);
}

function ask(verb, body, what) {
  const word = verb === 'redrive' ? 'Redrive' : 'Discard';
  confirm({ title: `${word} ${what}`, verb: word, path: `/v1/deadletters/${verb}`, body, isCounted: true });
}

/** The records of a reason, the longest parked first. */
async function show(reason, cursor = '') {
  shownReason = reason;
  const more = cursor === '' ? '' : `&cursor=${cursor}`;
  const page = await read(`/v1/deadletters?limit=${PAGE}&reason=${encodeURIComponent(reason)}${more}`).catch((error) => ({ error }));
  if (page.error !== undefined) return fill('parked-records', make('p', {}, page.error.message));
  const columns = [
    { title: 'Key', value: ({ key }) => key ?? 'none' },
    { title: 'Record', value: ({ partition, offset }) => `partition ${partition} offset ${offset}` },
    { title: 'Parked at', value: ({ parkedAt }) => time(parkedAt) },
    { title: 'Tried', number: true, value: ({ attempts }) => attempts },
    { title: 'Wait behind it', number: true, value: ({ waiting }) => waiting },
    { title: 'Message', value: ({ message }) => message },
    { title: 'What to do', value: verbsOf },
  ];
  const title = make('h3', {}, `Parked for ${reason}`);
  const parts = [title, scrolling(`Records parked for ${reason}`, table('', columns, page.items))];
  if (page.nextCursor !== null) parts.push(button('Next page', 'Next page of parked records', () => void show(reason, page.nextCursor)));
  fill('parked-records', ...parts);
}

/** What is shown of a reason is read again after something was done. */
export function refreshParked() {
  if (shownReason !== null) void show(shownReason);
}

function verbsOf({ id, key }) {
  const what = `record ${id} of key ${key ?? 'none'}`;
  return make(
    'span',
    { class: 'verbs' },
    button('Redrive', `Redrive ${what}`, () => ask('redrive', { ids: [id] }, what)),
    button('Discard', `Discard ${what}`, () => ask('discard', { ids: [id] }, what)),
    button('Edit', `Edit ${what}`, () => void edit(id, what)),
  );
}

async function edit(id, what) {
  const detail = await read(`/v1/deadletters/${id}`).catch((error) => ({ error }));
  if (detail.error !== undefined) return fill('parked-records', make('p', {}, detail.error.message));
  const { commandId: _, ...command } = detail.command ?? { type: '' };
  confirm({
    title: `Edit ${what}`,
    verb: 'Edit',
    path: '/v1/deadletters/edit',
    body: { id },
    command: JSON.stringify(command, null, 2),
    isCounted: true,
  });
}

function button(text, label, onClick) {
  const made = make('button', { type: 'button', 'aria-label': label }, text);
  made.addEventListener('click', onClick);
  return made;
}
