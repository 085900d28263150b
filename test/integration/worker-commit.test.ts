import type { ChildProcess } from 'node:child_process';
import { newCommandId } from '@tradestream/contracts';
import { openSession } from '@tradestream/database';
import { UNIT } from '@tradestream/trading';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type LedgerWorld, openLedgerWorld, type Sent } from '../support/ledger-world.ts';
import { type ProxyRule, TcpProxy } from '../support/tcp-proxy.ts';

/**
 * Before the server sees a COMMIT, and after it saw it but before its answer; that of a batch, and at
 * last also that of the claim which is to settle it.
 */
const CUTS: readonly ReturnType<ProxyRule>[] = [
  'cut-after',
  'pass',
  'pass',
  'cut-before',
  'pass',
  'pass',
  'cut-after',
  'pass',
  'pass',
  'cut-before',
  'cut-after',
  'cut-after',
  'cut-before',
];
const CUT = CUTS.filter((cut) => cut !== 'pass').length;
/** COMMIT as a message of PostgreSQL's protocol. */
const COMMIT = Buffer.from('COMMIT\u0000');

let world: LedgerWorld;
let proxy: TcpProxy;
let worker: ChildProcess;

beforeAll(async () => {
  world = await openLedgerWorld(inject('endpoints'), 'commit', 2);
  const before = await TcpProxy.before(world.database.serviceUrls.worker);
  proxy = before.proxy;
  worker = world.startWorker({ TRADESTREAM_WORKER_DATABASE_URL: before.url });
  await world.send(deposits('warm', 2));
  await world.applied(60_000);
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await proxy[Symbol.asyncDispose]();
});

test('a COMMIT whose answer is lost is settled by claiming again, whether it happened or not', async () => {
  const cuts = [...CUTS];
  proxy.rule = (bytes) => (bytes.includes(COMMIT) ? (cuts.shift() ?? 'pass') : 'pass');
  let sent = 0;
  await eventually(
    async () => {
      sent += (await world.send(deposits('cut', 20))).length;
      return cuts.length === 0;
    },
    { withinMs: 60_000 },
  );
  await world.applied(60_000);
  const [sum] = await world.rows(
    `SELECT (SELECT count(*) FROM ledger.receipts AS r JOIN ledger.events AS e USING (command_id)
             WHERE e.key LIKE 'user:cut-%')::int AS receipts,
            sum(available)::int AS total, sum(version)::int AS versions
     FROM ledger.balances WHERE user_id LIKE 'cut-%'`,
  );
  expect(sum).toEqual({ receipts: sent, total: sent, versions: sent });
  const log = world.logOf(worker);
  expect(log.filter((line) => line.error?.code === 'DB_COMMIT_UNKNOWN').length).toBeGreaterThanOrEqual(CUT);
  expect(log.some((line) => line.event === 'position_settled')).toBe(true);
}, 120_000);

test('what only the primary holds is not published: a cancelled wait for the quorum is claimed again', async () => {
  const published = await allPublished();
  await withNoStandby(async () => {
    await world.send(deposits('waiting', 1));
    const pid = await eventually(() => pidInCommit(), { withinMs: 60_000 });
    await world.rows('SELECT pg_cancel_backend($1)', [pid]);
    await eventually(() => world.logOf(worker).some((line) => line.error?.code === 'DB_COMMIT_NOT_DURABLE'), {
      withinMs: 60_000,
    });
    // Committed here and on no standby: visible to all, and not to be told.
    const [receipt] = await world.rows<{ count: string }>(
      `SELECT count(*)::text AS count FROM ledger.balances WHERE user_id = 'waiting-0'`,
    );
    expect(receipt?.count).toBe('1');
    await eventually(() => pidInCommit(), { withinMs: 60_000 }); // the claim, which waits for the same standbys
    expect(await eventsPublished()).toBe(published);
  });
  await eventually(async () => (await eventsPublished()) > published, { withinMs: 60_000 });
  const [receipts] = await world.rows<{ count: string }>(
    `SELECT count(*)::text AS count FROM ledger.events WHERE key = 'user:waiting-0'`,
  );
  expect(receipts?.count).toBe('1');
}, 120_000);

test('a COMMIT behind the fence that refused answers ROLLBACK', async () => {
  await using scope = new AsyncDisposableStack();
  const session = await openSession({
    url: world.database.serviceUrls.worker,
    applicationName: 'stale-owner',
    connectTimeoutMs: 30_000,
  });
  scope.defer(() => session.close());
  const [before] = await world.rows(PARTITIONS);
  const [owned] = await world.rows<{ epoch: string; next_offset: string; event_seq: string }>(
    `SELECT epoch::text, next_offset::text, event_seq::text FROM ledger.partitions WHERE topic = $1 AND partition = 0`,
    [world.topics.commands],
  );
  const move = (epoch: number, offset: number) => ({
    text: `SELECT ledger.move_partitions($1, ARRAY[0], ARRAY[$2::bigint], ARRAY[$3::bigint], ARRAY[$3::bigint + 1],
                                         ARRAY['\\x00'::bytea], ARRAY[$4::bigint], ARRAY[$4::bigint], ARRAY[0::bigint])`,
    values: [world.topics.commands, epoch, offset, owned?.event_seq],
  });
  const epoch = Number(owned?.epoch);
  const offset = Number(owned?.next_offset);
  for (const [statement, code] of [
    [move(epoch - 1, offset), 'TS001'],
    [move(epoch, offset + 1), 'TS002'],
    [{ text: `SELECT ledger.write_balances('{warm-0}', '{USD}', '{7}', '{8}', '{1}', '{0}')` }, 'TS003'],
  ] as const) {
    const sent = [session.query({ text: 'BEGIN' }), session.query(statement), session.commit()];
    const [, refused, committed] = await Promise.allSettled(sent);
    expect(refused).toMatchObject({ status: 'rejected', reason: { code } });
    expect(committed).toMatchObject({ status: 'rejected', reason: { code: 'DB_COMMIT_ROLLED_BACK' } });
  }
  expect((await world.rows(PARTITIONS))[0]).toEqual(before);
});

/** But for the mark of what is published, which the worker sets in its own time. */
const PARTITIONS = `SELECT jsonb_agg(to_jsonb(p) - 'published_seq' ORDER BY partition) AS partitions FROM ledger.partitions AS p`;

function deposits(user: string, count: number): readonly Sent[] {
  return Array.from({ length: count }, (_, index) => ({
    commandId: newCommandId(),
    command: { type: 'DepositFunds', userId: `${user}-${index % 50}`, asset: 'USD', amount: UNIT },
  }));
}

/** Waits until the events topic holds every event; repeats count as well. */
async function allPublished(): Promise<number> {
  return await eventually<number>(
    async () => {
      const published = await eventsPublished();
      const [row] = await world.rows<{ seq: string }>(
        'SELECT sum(event_seq)::text AS seq FROM ledger.partitions WHERE published_seq = event_seq',
      );
      expect(published).toBeGreaterThanOrEqual(Number(row?.seq ?? Infinity));
      return published;
    },
    { withinMs: 60_000 },
  );
}

async function eventsPublished(): Promise<number> {
  const ranges = await world.admin.ranges(world.topics.events);
  return ranges.reduce((sum, range) => sum + range.end, 0);
}

/** The worker's session whose COMMIT waits for a standby, or false. */
async function pidInCommit(): Promise<number | false> {
  const [row] = await world.rows<{ pid: number }>(
    `SELECT pid FROM pg_stat_activity
     WHERE datname = current_database() AND application_name = 'tradestream-worker' AND wait_event = 'SyncRep'`,
  );
  return row?.pid ?? false;
}

/** While `work` runs no standby can acknowledge; the stack is shared, so the setting always comes back. */
async function withNoStandby(work: () => Promise<void>): Promise<void> {
  const set = async (statement: string) => {
    await world.rows(statement);
    await world.rows('SELECT pg_reload_conf()');
  };
  await set(`ALTER SYSTEM SET synchronous_standby_names = 'nobody'`);
  try {
    await work();
  } finally {
    await set('ALTER SYSTEM RESET synchronous_standby_names');
  }
}
