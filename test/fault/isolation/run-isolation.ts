import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ReceiptAnswer } from '@tradestream/answers';
import { commandToJson, newCommandId } from '@tradestream/contracts';
import { amountFromNumeric, openSession } from '@tradestream/database';
import { sleep } from '@tradestream/runtime';
import { SeededRandom } from '../../../bench/src/random.ts';
import { eventually } from '../../support/eventually.ts';
import type { LedgerWorld, Sent } from '../../support/ledger-world.ts';
import { checkHistory } from './adya.ts';
import { type Group, type GroupTrade, keyOf, keysOf, makeGroup, tradesIn } from './group.ts';
import { History, type Key } from './history.ts';

export type IsolationOptions = {
  readonly world: Pick<LedgerWorld, 'send'>;
  /** Asks the present primary, also one that comes and goes. */
  readonly rows: LedgerWorld['rows'];
  readonly gatewayUrl: string;
  /** Nodes to be read: name to URL. */
  readonly nodes: Readonly<Record<string, string>>;
  readonly adya: string;
  readonly groups: number;
  readonly seed: number;
};

export type IsolationReport = {
  readonly trades: number;
  /** Of each history: what was read, the model that it was held against, and what breaks it. */
  readonly histories: readonly {
    readonly of: string;
    readonly model: string;
    readonly reads: number;
    readonly broken: string | null;
  }[];
};

/** The level that is promised, docs/architecture.md: the present primary's is the strictest; a standby shows an earlier moment of it. */
const PRIMARY_MODEL = 'strict-serializable';
const STANDBY_MODEL = 'serializable';
const CLIENTS = 6;
const READERS = 2;
const WAIT_MS = 5_000;
const PAUSE_MS = 5;
const APPLIED_MS = 60_000;

/**
 * Trades by HTTP, each of four balances at once, while readers read many balances at once on every node;
 * what they saw is held against the level that is promised for the node.
 */
export async function runIsolation(options: IsolationOptions): Promise<IsolationReport> {
  const { nodes, groups, seed, adya } = options;
  const random = new SeededRandom(seed);
  const histories = new Map(Object.keys(nodes).map((node) => [node, new History()]));
  const ranks = new Map<string, number>();
  let trades = 0;
  for (let number = 1; number <= groups; number += 1) {
    const group = makeGroup(seed * 1_000 + number, random);
    await applied(options, group.setup);
    await applied(options, group.orders);
    await runGroup({ ...options, histories, ranks, number }, group);
    trades += group.trades.length;
  }
  const folder = mkdtempSync(join(tmpdir(), 'tradestream-isolation-'));
  const rank = new Map([...ranks].map(([trade, at]) => [Number(trade), at]));
  const report: IsolationReport['histories'][number][] = [];
  for (const [node, history] of histories) {
    const file = join(folder, `${node}.jsonl`);
    history.write(file, rank);
    const model = node === 'primary' ? PRIMARY_MODEL : STANDBY_MODEL;
    const broken = await checkHistory(adya, file, model);
    report.push({ of: node, model, reads: history.reads, broken: broken === null ? null : `${file}: ${broken}` });
  }
  return { trades, histories: report };
}

type GroupRun = IsolationOptions & {
  readonly histories: ReadonlyMap<string, History>;
  /** Of each trade, its place in the order of the receipts. */
  readonly ranks: Map<string, number>;
  readonly number: number;
};

async function runGroup(run: GroupRun, group: Group): Promise<void> {
  const waiting = [...group.trades];
  const isOver = { value: false };
  const readers = Object.keys(run.nodes).flatMap((node) =>
    Array.from(
      { length: READERS },
      async (_, reader) => await readAlong(run, group, { node, process: 100 + reader, isOver }),
    ),
  );
  const clients = Array.from({ length: CLIENTS }, async (_, client) => {
    for (let trade = waiting.shift(); trade !== undefined; trade = waiting.shift())
      await execute(run, group, { trade, client });
  });
  await Promise.all(clients);
  isOver.value = true;
  await Promise.all(readers);
}

/** Numbers are unique over all groups. */
function numberOf({ number }: GroupRun, index: number): number {
  return number * 1_000 + index;
}

async function execute(
  run: GroupRun,
  group: Group,
  { trade, client }: { readonly trade: GroupTrade; readonly client: number },
): Promise<void> {
  const operation = { kind: 'append', trade: numberOf(run, trade.index), keys: keysOf(group, trade) } as const;
  const told = (type: 'invoke' | 'ok' | 'fail' | 'info') => {
    for (const history of run.histories.values()) history.add(type, client, operation);
  };
  const body = JSON.stringify(commandToJson({ commandId: newCommandId(), command: trade.command }));
  told('invoke');
  // The same id again and again: whoever does not hear the answer asks for it.
  const receipt = await eventually(
    async () => {
      const answer = await fetch(`${run.gatewayUrl}/v1/commands?wait=applied&timeoutMs=${WAIT_MS}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
        signal: AbortSignal.timeout(WAIT_MS * 2),
      });
      if (answer.status !== 200) throw new Error(`${answer.status}: ${await answer.text()}`);
      return (await answer.json()) as ReceiptAnswer; // our own route
    },
    { withinMs: APPLIED_MS },
  );
  told(receipt.outcome === 'applied' ? 'ok' : 'fail');
  run.ranks.set(String(operation.trade), (receipt.batch ?? 0) * 1e5 + (receipt.index ?? 0));
}

async function readAlong(
  run: GroupRun,
  group: Group,
  {
    node,
    process,
    isOver,
  }: { readonly node: string; readonly process: number; readonly isOver: { readonly value: boolean } },
): Promise<void> {
  const history = run.histories.get(node);
  const url = run.nodes[node];
  if (history === undefined || url === undefined) throw new RangeError(`there is no node ${node}`);
  const keys = group.users.flatMap((userId) => group.assets.map((asset) => keyOf(userId, asset)));
  while (!isOver.value) {
    const session = await openSession({ url, applicationName: 'isolation', connectTimeoutMs: 5_000 }).catch(() => null);
    try {
      while (session !== null && !session.closed.aborted && !isOver.value) {
        history.add('invoke', process, { kind: 'read', keys, found: null });
        const { rows } = await session.query<{ key: Key; total: string }>({
          text: `SELECT user_id || ' ' || asset AS key, (available + held)::text AS total FROM ledger.balances
                 WHERE user_id = ANY ($1) AND asset = ANY ($2)`,
          values: [group.users, group.assets],
        });
        const found = new Map(rows.map(({ key, total }) => [key, shift(run, tradesIn(amountFromNumeric(total)))]));
        history.add('ok', process, { kind: 'read', keys, found });
        await sleep(PAUSE_MS);
      }
    } catch (error) {
      if (error instanceof RangeError) throw error;
      history.add('fail', process, { kind: 'read', keys, found: null });
    } finally {
      await session?.close();
    }
  }
}

function shift(run: GroupRun, trades: ReadonlySet<number>): ReadonlySet<number> {
  return new Set([...trades].map((index) => numberOf(run, index)));
}

/** Sends commands and waits until each is applied, so that what comes next may rest on them. */
async function applied({ world, rows }: IsolationOptions, commands: readonly Sent['command'][]): Promise<void> {
  const sent = commands.map((command) => ({ commandId: newCommandId(), command }));
  await world.send(sent);
  const ids = sent.map(({ commandId }) => commandId);
  await eventually(
    async () => {
      const [row] = await rows<{ applied: number }>(
        `SELECT count(*)::int AS applied FROM ledger.receipts WHERE command_id = ANY ($1::uuid[]) AND outcome = 'applied'`,
        [ids],
      );
      if (row?.applied !== ids.length) throw new Error(`${row?.applied} of ${ids.length} commands are applied`);
    },
    { withinMs: APPLIED_MS },
  );
}
