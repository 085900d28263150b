import { Scope } from '@tradestream/runtime';
import { createScratchDatabase } from '@tradestream/stack';
import { BASELINE_LOAD, Load } from '../load.ts';
import { Denominators, denominatorSql } from '../peers/denominators.ts';
import { measureCodec, measureFlushes, measureKafka, measureSmallTransactions } from './limits.ts';
import type { Report, ScenarioOptions } from './scenario.ts';
import { openTopology } from './topology.ts';

const RAW_BATCH_COUNTS = [100, 1_000, 5_000] as const;

/** What this machine can do at most, part by part: the primary alone, no services. */
export async function runB0({ note, log }: ScenarioOptions): Promise<Report> {
  note('flushes of the disk');
  const flushesPerSecond = measureFlushes();
  note('codec');
  const codec = measureCodec();
  note('starting the stack');
  await using scope = new Scope();
  const stack = scope.use(await openTopology('alone', log));
  note('Kafka');
  const kafka = await measureKafka(stack.endpoints, log);
  note('small transactions');
  const { url } = scope.use(await createScratchDatabase(stack.endpoints, 'bench_limits'));
  const transactionsPerSecond1 = await measureSmallTransactions(url, 1);
  const transactionsPerSecond8 = await measureSmallTransactions(url, 8);
  note('raw SQL');
  const denominators = scope.use(await Denominators.open(stack.endpoints, new Load(BASELINE_LOAD), log));
  const raw = await denominators.tryRaw(RAW_BATCH_COUNTS);
  await denominators.assertRows();
  const limits = { flushesPerSecond, transactionsPerSecond1, transactionsPerSecond8, ...kafka, ...codec };
  const rawRows = raw.map(
    ({ style, batchCount, rate }) => [`raw: ${style}, ${batchCount} a batch`, `${rate}/s`] as const,
  );
  return {
    json: { scenario: 'B0', ...limits, rawRate: raw[0]?.rate, raw, sql: denominatorSql() },
    rows: [...Object.entries(limits).map(([name, value]) => [name, `${value}/s`] as const), ...rawRows],
  };
}
