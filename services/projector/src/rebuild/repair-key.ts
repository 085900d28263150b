import { ProjectorError } from '../errors.ts';
import { parseKey, traceOf } from '../views/row-key.ts';
import type { Fold } from '../views/view.ts';
import { type Base, loadBase, writeBase } from './base.ts';
import { eventsBelow, sourceOf, type WorkBench } from './bench.ts';
import { type Positions, takeInto } from './fold-ledger.ts';
import { readLedger } from './ledger-pages.ts';
import { inTransaction, loadLivePositions } from './side-version.ts';

/** What a repair came to; `rows` are those of the key, as they now stand. */
export type RepairedKey = {
  readonly key: string;
  readonly rows: number;
  readonly changed: boolean;
  readonly events: number;
};

/** Events that may be read while nobody can project; more are read before. */
const LAST_EVENTS_MAX = 5_000;
const ATTEMPTS_MAX = 20;
const NOWHERE: Positions = new Map();
/** So that it is seen to go on, and can be cancelled, while it reads a long history. */
const TELL_MS = 1_000;

/**
 * Makes the rows of one key anew from the events, in place: what they are up to the projection's
 * positions, which stand still meanwhile. A key may leave trailing parts out: a user has several balances.
 * @throws {ProjectorError} KEY_INVALID, LEDGER_INCOMPLETE, EVENT_REFUSED
 */
export async function repairKey(bench: WorkBench): Promise<RepairedKey> {
  const { session, view, request, report, onFolded } = bench;
  const key = request.key ?? '';
  const parts = parseKey(view.keyParts, key);
  if (parts === null) throw new ProjectorError('KEY_INVALID', { context: { projection: view.name, key } });
  const source = sourceOf(bench, traceOf(view.keyParts, parts));
  const fold = view.begin();
  const base = await loadBase(bench);
  let reached = base?.positions ?? NOWHERE;
  let toldMs = performance.now();
  const tell = async (done: number, total: number) => {
    if (performance.now() - toldMs < TELL_MS) return;
    toldMs = performance.now();
    await report({ phase: 'reading', done, total });
  };
  /** Adds the events between what was read and `to`; a fold takes events in any order. */
  const readUpTo = async (to: Positions) => {
    let done = eventsBelow(reached);
    for (const [partition, { seq: upToSeq }] of to) {
      let afterSeq = reached.get(partition)?.seq ?? 0;
      for await (const page of readLedger(source, { partition, afterSeq, upToSeq })) {
        for (const event of page.events) takeInto(fold, view, event);
        done += page.seq - afterSeq;
        afterSeq = page.seq;
        await tell(done, eventsBelow(to));
      }
    }
    onFolded(eventsBelow(to) - eventsBelow(reached));
    reached = to;
  };
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
    const before = await loadLivePositions(session, view.name);
    await report({ phase: 'reading', done: eventsBelow(reached), total: eventsBelow(before) });
    await readUpTo(before);
    const repaired = await inTransaction(session, async () => {
      const held = await loadLivePositions(session, view.name, true);
      if (eventsBelow(held) - eventsBelow(reached) > LAST_EVENTS_MAX) return null;
      await readUpTo(held);
      const { rows, changed } = await replaceRows(bench, parts, { base, statements: fold.statements({ key }) });
      return { key, rows, changed, events: eventsBelow(held) };
    });
    if (repaired !== null) return repaired;
  }
  throw new ProjectorError('SWAP_BLOCKED', { context: { projection: view.name, key } });
}

async function replaceRows(
  { session, view }: WorkBench,
  parts: readonly string[],
  made: { readonly base: Base | null; readonly statements: ReturnType<Fold['statements']> },
): Promise<{ readonly rows: number; readonly changed: boolean }> {
  const where = view.keyParts
    .slice(0, parts.length)
    .map(({ column, valueOf }, index) => `r.${column} = ${valueOf(`$${index + 1}`)}`)
    .join(' AND ');
  const order = view.keyParts.map(({ column }) => `r.${column}`).join(', ');
  const look = async () => {
    const { rows } = await session.query<{ rows: number; shown: string }>({
      text: `SELECT count(*)::int AS rows, coalesce(jsonb_agg(to_jsonb(r) ORDER BY ${order}), '[]')::text AS shown
             FROM views.${view.name} AS r WHERE ${where}`,
      values: parts,
    });
    return { rows: rows[0]?.rows ?? 0, shown: rows[0]?.shown ?? '' };
  };
  const before = await look();
  const columns = made.base === null ? null : (view.base?.columns ?? null);
  if (made.base !== null) {
    // Before they go: of fills from before the base the rows themselves are what is left of their events.
    const text = `CREATE TEMPORARY TABLE rows_of_base (LIKE views.${view.name} INCLUDING GENERATED) ON COMMIT DROP`;
    await session.query({ text });
    await writeBase(session, view, made.base, { table: 'pg_temp.rows_of_base', key: parts });
  }
  await session.query({ text: `DELETE FROM views.${view.name} AS r WHERE ${where}`, values: parts });
  if (columns !== null)
    await session.query({
      text: `INSERT INTO views.${view.name} (${columns}) SELECT ${columns} FROM pg_temp.rows_of_base`,
    });
  for (const statement of made.statements) await session.query(statement);
  const after = await look();
  return { rows: after.rows, changed: before.shown !== after.shown };
}
