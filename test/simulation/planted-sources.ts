import type { SourceChange } from './change-sources.ts';

const WORKER = 'services/worker/src';
const PROJECTOR = 'services/projector/src';
const GATEWAY = 'services/gateway/src';

/** Bugs that sit inside the product's own code, by their names. */
export const PLANTED_SOURCES: Readonly<Record<string, readonly SourceChange[]>> = {
  'locks taken in no order': [
    {
      file: `${WORKER}/apply/write-batch.ts`,
      find: 'const places = sortedPlaces(balances);',
      replace: 'const places = sortedPlaces(balances).toSorted(() => Math.random() - 0.5);',
    },
  ],
  'COMMIT that answers ROLLBACK passes for done': [
    {
      file: `${WORKER}/apply/write-batch.ts`,
      find: '    throw failure === null || isUnanswered(failure)',
      replace:
        "    if (!(error instanceof DatabaseError) || error.code !== 'DB_COMMIT_ROLLED_BACK')\n      throw failure === null || isUnanswered(failure)",
    },
    { file: `${WORKER}/apply/write-batch.ts`, find: '  if (failure !== null) throw failure; //', replace: '  //' },
  ],
  'the batch number is taken before the locks': [
    {
      file: `${WORKER}/apply/write-batch.ts`,
      find: '[...locking, TAKE_BATCH_NUMBER]',
      replace: '[TAKE_BATCH_NUMBER, ...locking]',
    },
    { file: `${WORKER}/apply/write-batch.ts`, find: 'rows[locking.length]', replace: 'rows[0]' },
  ],
  'money as floating point numbers': [
    {
      file: 'packages/trading/src/amount.ts',
      find: 'export function floorMultiply18(',
      replace:
        'export function floorMultiply18(a: bigint, b: bigint): bigint {\n  return BigInt(Math.floor((Number(a) * Number(b)) / 1e18));\n}\nexport function exactFloorMultiply18(',
    },
  ],
  'another payload under the same id passes for a duplicate': [
    {
      file: `${WORKER}/apply/decide-batch.ts`,
      find: 'first.hash === from.hash',
      replace: "first.hash !== ''",
    },
  ],
  'later commands of a key overtake a parked one': [
    { file: `${WORKER}/apply/decide-batch.ts`, find: ' || position.blockedKeys.has(record.key)', replace: '' },
  ],
  'a gap is skipped by the projector': [
    { file: `${PROJECTOR}/position.ts`, find: "event.seq === position.seq + 1 ? 'next' : 'gap'", replace: "'next'" },
    { file: `${PROJECTOR}/read-lane.ts`, find: ' || read.seq > seq + 1', replace: '' },
    {
      file: `${PROJECTOR}/read-lane.ts`,
      find: ': { error: gap(seq, read), offset, seq: read.seq };',
      replace: ': { error: gap(seq, read as EventEnvelope), offset, seq: 0 };',
    },
  ],
  'marked as published before it is': [
    {
      file: `${WORKER}/relay/publish-events.ts`,
      find: '    await answer;',
      replace:
        '    for (const { position, seq } of reached) position.publishedSeq = Math.max(position.publishedSeq, seq);\n    await answer;',
    },
  ],
  'a key is released against its order': [
    { file: `${WORKER}/release/plan-release.ts`, find: 'a.timeMs - b.timeMs ||', replace: 'b.timeMs - a.timeMs ||' },
  ],
  'new commands of a key overtake what is being released': [
    {
      file: `${WORKER}/release/release-parked.ts`,
      find: "if (state === 'free') {",
      replace: "if (state !== 'blocked') {",
    },
  ],
  'a token is read before COMMIT': [
    // As it stood then: the command's own event is not in it yet.
    {
      file: `${GATEWAY}/receipts/receipt-store.ts`,
      find: '[event.partition, event.seq]',
      replace: '[event.partition, event.seq - 1]',
    },
  ],
  'what a failed batch left in memory is kept': [
    { file: `${WORKER}/apply/apply-batch.ts`, find: '    inFlight.batch.forget();\n', replace: '' },
  ],
  'what is parked while others are copied is forgotten': [
    {
      file: `${WORKER}/relay/publish-events.ts`,
      find: 'this.#deadLettersWait ||= mayBeMore;',
      replace: 'this.#deadLettersWait = mayBeMore;',
    },
  ],
};
