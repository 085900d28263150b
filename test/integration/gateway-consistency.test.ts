import type { BalancesAnswer, ReceiptAnswer } from '@tradestream/answers';
import { encodeToken } from '@tradestream/contracts';
import { openSession, type Session } from '@tradestream/database';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { call, type GatewayWorld, openGatewayWorld, post, ready } from '../support/gateway-world.ts';

const PAIRS = 2_000;
const AT_ONCE = 32;
const WAIT = '?wait=applied&timeoutMs=30000';
const PAUSED = 'replica-2';

let world: GatewayWorld;
let api: string;
/** One session to each replica, as its owner. */
const replicas = new Map<string, Session>();

beforeAll(async () => {
  world = await openGatewayWorld(inject('endpoints'), 'gateway-consistency');
  world.ledger.startWorker();
  const [gateway, projector] = await Promise.all([world.startGateway(), world.startProjector()]);
  api = `${gateway.url}/v1`;
  for (const [name, url] of Object.entries(world.ledger.database.replicaUrls)) {
    replicas.set(name, await openSession({ url, applicationName: 'test', connectTimeoutMs: 30_000 }));
  }
  await Promise.all([ready(gateway), ready(projector)]);
  await post(`${api}/commands?wait=projected&timeoutMs=60000`, deposit('warm-up'));
  await replica(PAUSED).query({ text: 'SELECT pg_wal_replay_pause()' });
});
afterAll(async () => {
  await resumeReplay();
  await Promise.all([...replicas.values()].map(async (session) => await session.close()));
  await world[Symbol.asyncDispose]();
});

test(`of ${PAIRS} reads behind a write none is stale with the token, and some are without it or with an LSN read before COMMIT`, async () => {
  const stale = { token: 0, none: 0, lsn: 0 };
  const servedBy: Record<string, number> = {};
  let next = 0;
  const writeAndRead = async () => {
    while (next < PAIRS) {
      const userId = `writer-${next++}`;
      const [before] = await world.ledger.rows<{ lsn: string }>('SELECT pg_current_wal_insert_lsn()::text AS lsn');
      const { status, body, text } = await post<ReceiptAnswer>(`${api}/commands${WAIT}`, deposit(userId));
      if (status !== 200 || body.outcome !== 'applied') throw new Error(text);
      const [withToken, without, withLsn] = await Promise.all([
        readBalances(userId, { 'x-consistency-token': body.token }),
        readBalances(userId, {}),
        readOnceReplayed(userId, before?.lsn ?? ''),
      ]);
      servedBy[withToken.servedBy] = (servedBy[withToken.servedBy] ?? 0) + 1;
      if (withToken.count === 0) stale.token += 1;
      if (without.count === 0) stale.none += 1;
      if (withLsn === 0) stale.lsn += 1;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, writeAndRead));
  process.stdout.write(
    `of ${PAIRS} reads stale: ${stale.token} with the token, ${stale.none} without it, ${stale.lsn} with an LSN read before COMMIT; ` +
      `with the token served by ${JSON.stringify(servedBy)}\n`,
  );
  expect(stale.token).toBe(0);
  // The negative controls: the same reads can be stale, and this test can see it.
  expect(stale.none).toBeGreaterThan(0);
  expect(stale.lsn).toBeGreaterThan(0);
  expect(servedBy[PAUSED]).toBeUndefined();
  // Replicas have answered, not the primary alone.
  expect((servedBy['replica-1'] ?? 0) + (servedBy['replica-3'] ?? 0)).toBeGreaterThan(PAIRS / 10);
}, 120_000);

test('a token of two sessions together shows what both have seen', async () => {
  const [left, right] = await Promise.all(
    ['left', 'right'].map(async (userId) => {
      const { body } = await post<ReceiptAnswer>(`${api}/commands${WAIT}`, deposit(userId));
      return body;
    }),
  );
  const seqs = Object.fromEntries(
    [...(left?.events ?? []), ...(right?.events ?? [])].map((at) => [at.partition, at.seq]),
  );
  const headers = { 'x-consistency-token': encodeToken({ seqs }) };
  for (const userId of ['left', 'right']) {
    const { body } = await call<BalancesAnswer>(`${api}/balances/${userId}?timeoutMs=30000`, { headers });
    expect(body.balances).toEqual([{ asset: 'USD', available: '1', held: '0' }]);
  }
});

async function readBalances(userId: string, headers: Readonly<Record<string, string>>) {
  const answer = await call<BalancesAnswer>(`${api}/balances/${userId}?timeoutMs=30000`, { headers });
  if (answer.status !== 200) throw new Error(answer.text);
  return { count: answer.body.balances.length, servedBy: answer.headers.get('x-served-by') ?? '' };
}

/** The balances on a replica as soon as it has replayed the LSN: what a reader sees who trusts that LSN. */
async function readOnceReplayed(userId: string, lsn: string): Promise<number> {
  const text = `SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn AS replayed,
    (SELECT count(*) FROM views.balances WHERE user_id = $2)::integer AS count`;
  return await eventually(
    async () => {
      const { rows } = await replica('replica-1').query<{ replayed: boolean; count: number }>({
        text,
        values: [lsn, userId],
      });
      if (rows[0]?.replayed !== true) throw new Error(`${lsn} is not replayed`);
      return rows[0].count;
    },
    { withinMs: 60_000, everyMs: 2 },
  );
}

function deposit(userId: string) {
  return { type: 'DepositFunds', userId, asset: 'USD', amount: '1' };
}

/** The asking statement itself may be cancelled by what is then replayed. */
async function resumeReplay(): Promise<void> {
  await eventually(
    async () => {
      const text = 'SELECT pg_is_wal_replay_paused() AS paused, pg_wal_replay_resume()';
      const { rows } = await replica(PAUSED).query<{ paused: boolean }>({ text });
      return rows[0]?.paused === false;
    },
    { withinMs: 60_000 },
  );
}

function replica(name: string): Session {
  const session = replicas.get(name);
  if (session === undefined) throw new Error(`no ${name}`);
  return session;
}
