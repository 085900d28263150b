import { Scope, sleep } from '@tradestream/runtime';
import type { LoadCommand } from '../load.ts';
import { type Percentiles, percentilesOf } from '../measure/percentiles.ts';
import type { SeededRandom } from '../random.ts';
import { PARTITIONS, type Rig } from './rig.ts';
import { Watermarks } from './watermarks.ts';

export type Latencies = { readonly appliedMs: Percentiles; readonly visibleMs: Percentiles };

export type OpenLoopOptions = {
  /** Commands a second, at moments drawn as Poisson's process has them. */
  readonly rate: number;
  readonly durationMs: number;
  /** Sent first, and left out of the figures. */
  readonly warmUpMs: number;
  readonly commands: Iterator<LoadCommand>;
  readonly random: SeededRandom;
};

type Sent = { readonly offset: number; readonly dueMs: number };

/** As long as producers gather by default (`linger.ms` of Kafka 4). */
const TICK_MS = 5;

/**
 * Sends at a fixed rate whatever the answers do, and takes each latency from the moment at which the
 * command was due: a stall of the sender counts as much as one of the product.
 */
export async function measureLatencies(rig: Rig, options: OpenLoopOptions): Promise<Latencies> {
  await using scope = new Scope();
  const watermarks = scope.use(await Watermarks.open(rig.endpoints.databaseUrl));
  const sent = await sendAtRate(rig, options);
  await rig.reached('projected');
  await sleep(TICK_MS * 10); // the last steps are seen by then
  const appliedMs: number[] = [];
  const visibleMs: number[] = [];
  for (let partition = 0; partition < PARTITIONS; partition += 1) {
    const ofPartition = (sent.get(partition) ?? []).toSorted((a, b) => a.offset - b.offset);
    const offsets = ofPartition.map(({ offset }) => offset);
    collect(appliedMs, ofPartition, watermarks.timesOf('applied', partition, offsets));
    // Each command of this load has one event, so that the sequence of its event is its offset plus one.
    collect(visibleMs, ofPartition, watermarks.timesOf('visible', partition, offsets));
  }
  return { appliedMs: percentilesOf(appliedMs), visibleMs: percentilesOf(visibleMs) };
}

async function sendAtRate(rig: Rig, options: OpenLoopOptions): Promise<ReadonlyMap<number, readonly Sent[]>> {
  const { rate, warmUpMs, durationMs, commands, random } = options;
  const startMs = performance.now();
  const sent = new Map<number, Sent[]>();
  const sending: Promise<void>[] = [];
  let dueMs = startMs;
  while (dueMs < startMs + warmUpMs + durationMs) {
    const due: number[] = [];
    const batch: LoadCommand[] = [];
    for (const nowMs = performance.now(); dueMs <= nowMs; dueMs -= (Math.log(1 - random.next()) / rate) * 1_000) {
      const { value, done } = commands.next();
      if (done === true) throw new Error('the load has no end');
      batch.push(value);
      due.push(dueMs);
    }
    if (batch.length > 0) {
      sending.push(
        rig.send(batch).then((places) => {
          for (const [index, { partition, offset }] of places.entries()) {
            const ofPartition = sent.get(partition) ?? [];
            const at = due[index] ?? 0;
            if (at >= startMs + warmUpMs) ofPartition.push({ offset, dueMs: at });
            sent.set(partition, ofPartition);
          }
        }),
      );
    }
    await sleep(TICK_MS);
  }
  await Promise.all(sending);
  return sent;
}

function collect(into: number[], sent: readonly Sent[], times: readonly number[]): void {
  for (const [index, { dueMs }] of sent.entries()) into.push((times[index] ?? Number.NaN) - dueMs);
}
