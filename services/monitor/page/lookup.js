import { fill, make, table } from './dom.js';

/** A command's whole way, by its id. */
export function openLookup() {
  document.getElementById('lookup').addEventListener('submit', (event) => {
    event.preventDefault();
    const id = document.getElementById('command-id').value.trim();
    void follow(id).catch(() => fill('way', make('p', {}, 'The monitor does not answer.')));
  });
}

async function follow(id) {
  const response = await fetch(`/v1/commands/${encodeURIComponent(id)}`);
  const body = await response.json();
  if (!response.ok) return fill('way', make('p', {}, body.title ?? 'no such command'));
  const { receipt, event, parked, conflicts, views, servedBy } = body;
  const lines = [
    ['Command', body.commandId],
    ['Record', receipt === null ? 'no receipt' : `${receipt.topic} partition ${receipt.partition} offset ${receipt.offset}`],
    ['Outcome', receipt === null ? 'none yet' : `${receipt.outcome}${receipt.reason === null ? '' : `: ${receipt.reason}`}`],
    ['Batch', receipt === null ? '' : `${receipt.batch}, place ${receipt.index}`],
    ['Event', event === null ? 'none' : `${event.type}, partition ${event.partition} seq ${event.seq}, at ${event.occurredAt}`],
    ['Parked', parked === null ? 'no' : `${parked.reason}: ${parked.message}`],
    ['Conflicts', String(conflicts)],
    ['Views read on', servedBy],
  ];
  const columns = [
    { title: 'View', value: ({ projection }) => projection },
    { title: 'Shows it', value: ({ visible }) => (visible ? 'yes' : 'not yet') },
  ];
  const list = make('dl', {}, ...lines.flatMap(([name, value]) => [make('dt', {}, name), make('dd', {}, value)]));
  fill('way', make('div', { class: 'card' }, list, views.length === 0 ? '' : table('', columns, views)));
}
