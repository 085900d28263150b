import { DatabaseManager } from '@tradestream/database';
import { Scope } from '@tradestream/runtime';
import { createScratchDatabase } from '@tradestream/stack';
import { BareDriver } from '../peers/bare-driver.ts';
import type { Report, ScenarioOptions } from './scenario.ts';
import { openTopology } from './topology.ts';

const IN_FLIGHT = 16;
const ROWS = 10_000;
const QUERIES = 8_000;
const ROUNDS = 7;
const ALLOWED = 1.15;

type Run = (id: number) => Promise<unknown>;
type Cost = { readonly wallMicros: number; readonly cpuMicros: number };

/**
 * What a pooled query of the toolkit costs beside one of the bare driver: the same statement, 16 in flight,
 * in turns within one run, so that a machine that others use slows both.
 */
export async function runToolkit({ note, log }: ScenarioOptions): Promise<Report> {
  note('starting the stack');
  await using scope = new Scope();
  const stack = scope.use(await openTopology('alone', log));
  const { url } = scope.use(await createScratchDatabase(stack.endpoints, 'bench_toolkit'));
  const db = scope.use(new DatabaseManager({ database: url, pool: { maxSize: IN_FLIGHT, minSize: IN_FLIGHT } }));
  const driver = scope.use(new BareDriver(url, IN_FLIGHT));
  await db.query('CREATE TABLE points (id int PRIMARY KEY, value text)');
  await db.query(`INSERT INTO points SELECT id, 'value' FROM generate_series(1, ?) AS id`, [ROWS]);
  const bare: Run = (id) => driver.query('SELECT value FROM points WHERE id = $1', [id]);
  const pooled: Run = (id) => db.query('SELECT value FROM points WHERE id = ?', [id]);
  note('warming up');
  await measure(bare);
  await measure(pooled);
  const rounds: { readonly bare: Cost; readonly pooled: Cost }[] = [];
  for (let round = 1; round <= ROUNDS; round += 1) {
    note(`round ${round} of ${ROUNDS}`);
    rounds.push({ bare: await measure(bare), pooled: await measure(pooled) });
  }
  const ratio = median(rounds.map((round) => round.pooled.wallMicros / round.bare.wallMicros));
  const cpuRatio = median(rounds.map((round) => round.pooled.cpuMicros / round.bare.cpuMicros));
  const bareMicros = median(rounds.map((round) => round.bare.wallMicros));
  const pooledMicros = median(rounds.map((round) => round.pooled.wallMicros));
  const ok = ratio <= ALLOWED;
  return {
    json: { scenario: 'toolkit', inFlight: IN_FLIGHT, bareMicros, pooledMicros, ratio, cpuRatio, allowed: ALLOWED, ok },
    rows: [
      ['bare driver, a query', `${bareMicros.toFixed(1)} us`],
      ['toolkit, a query', `${pooledMicros.toFixed(1)} us`],
      [
        'ratio of the time (median of rounds)',
        `${ratio.toFixed(3)} (at most ${ALLOWED}: ${ok ? 'holds' : 'does not hold'})`,
      ],
      ['ratio of the client processor time', cpuRatio.toFixed(3)],
    ],
  };
}

async function measure(run: Run): Promise<Cost> {
  let done = 0;
  const startedMs = performance.now();
  const before = process.cpuUsage();
  const caller = async () => {
    while (done < QUERIES) {
      done += 1;
      await run(1 + (done % ROWS));
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, caller));
  const { user, system } = process.cpuUsage(before);
  return { wallMicros: ((performance.now() - startedMs) * 1_000) / QUERIES, cpuMicros: (user + system) / QUERIES };
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? 0;
}
