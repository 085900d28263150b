import { confirm } from './confirm.js';
import { fill, make } from './dom.js';

/** How each origin of a replay is asked for. */
const ORIGINS = {
  fromOffset: { name: 'offset', valueOf: wholeNumber },
  fromTime: { name: 'time', valueOf: (text) => text },
  fromCommandId: { name: 'command id', valueOf: (text) => text },
  fromBatch: { name: 'batch', valueOf: wholeNumber },
};

/** Commands decided again beside the ledger, which changes nothing, or given to the workers again. */
export function openReplay() {
  document.getElementById('replay').addEventListener('submit', (event) => {
    event.preventDefault();
    const { origin, from } = event.target.elements;
    const { name, valueOf } = ORIGINS[origin.value];
    const value = valueOf(from.value.trim());
    const dryRun = event.submitter?.value !== 'replay';
    fill('replay-said');
    if (value === null || value === '') return fill('replay-said', make('p', { class: 'tag bad' }, `no ${name}`));
    confirm({
      title: `${dryRun ? 'A dry run' : 'A replay'} from ${name} ${from.value.trim()}`,
      verb: dryRun ? 'Decide them again beside the ledger' : 'Give them to the workers again',
      path: '/v1/replay/commands',
      body: { [origin.value]: value, dryRun },
      isCounted: false,
    });
  });
}

function wholeNumber(text) {
  return /^\d{1,15}$/.test(text) ? Number(text) : null;
}
