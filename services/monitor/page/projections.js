import { confirm } from './confirm.js';
import { fill, keepingFocus, make, number, table, tag } from './dom.js';
import { read } from './operator.js';
import { scrolling, time } from './tables.js';

const IDLE_MS = 5_000;
const BUSY_MS = 1_000;

let timer = null;
let drawn = '';

/** The read models and their versions; looked at more often while one is being built. */
export function openProjections() {
  void refresh();
}

/** Something was asked for: it is looked at now. */
export function refreshProjections() {
  clearTimeout(timer);
  void refresh();
}

async function refresh() {
  const page = await read('/v1/projections').catch((error) => ({ error }));
  const text = JSON.stringify(page.items ?? page.error.message);
  if (text !== drawn) keepingFocus('projections', () => draw(page));
  drawn = text;
  const isBusy = (page.items ?? []).some(({ request }) => request !== null);
  timer = setTimeout(() => void refresh(), isBusy ? BUSY_MS : IDLE_MS);
}

function draw({ items, error }) {
  if (error !== undefined) return fill('projections', make('p', { class: 'quiet' }, error.message));
  if (items.length === 0) return fill('projections', make('p', { class: 'quiet' }, 'No projector has run yet.'));
  const columns = [
    { title: 'Projection', value: ({ projection }) => projection },
    { title: 'Version', value: ({ liveVersion }) => liveVersion ?? 'none is read yet' },
    { title: 'Events behind', number: true, value: ({ lagEvents }) => lagEvents },
    { title: 'Under way', value: underWay },
    { title: 'Kept for a rollback', value: ({ keptVersion }) => keptVersion ?? 'none' },
    { title: 'In its place since', value: ({ swappedAt }) => (swappedAt === null ? '' : time(swappedAt)) },
    { title: 'What to do', value: verbsOf },
  ];
  fill('projections', scrolling('Projections', table('', columns, items)));
}

function underWay({ request }) {
  if (request === null) return '';
  const { kind, state, phase, done, total } = request;
  const text = `${kind}: ${phase ?? state}, ${number(done)}${total === null ? '' : ` of ${number(total)}`}`;
  return tag(text, 'ok');
}

function verbsOf({ projection, keptVersion }) {
  return make(
    'span',
    { class: 'verbs' },
    button('Verify', 'verify', projection),
    button('Rebuild', 'rebuild', projection),
    keptVersion === null ? null : button('Roll back', 'rollback', projection),
  );
}

function button(word, verb, projection) {
  const made = make('button', { type: 'button', 'aria-label': `${word} ${projection}` }, word);
  made.addEventListener('click', () =>
    confirm({
      title: `${word} ${projection}`,
      verb: `${word} it`,
      path: `/v1/projections/${projection}/${verb}`,
      body: {},
      isCounted: false,
    }),
  );
  return made;
}
