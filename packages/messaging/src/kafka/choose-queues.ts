import type { TopicLeaders } from './kafka-client.ts';
import type { PartitionQueue } from './partition-queue.ts';

/** Bound of one round over all partitions, in batches. */
const BATCHES_MAX = 16;

/**
 * Whose batch goes next, by the node that leads the partition: each once. What is chosen goes behind the
 * others for the next round, and what waits for nothing any more goes away.
 */
export function chooseQueues(
  queues: Map<string, PartitionQueue>,
  leaders: ReadonlyMap<string, TopicLeaders>,
): ReadonlyMap<number, readonly PartitionQueue[]> {
  const byLeader = new Map<number, PartitionQueue[]>();
  let count = 0;
  // As they stand now: a walk over the map itself meets again what is put at its end.
  const standing = [...queues];
  for (const [name, queue] of standing) {
    if (count >= BATCHES_MAX) break;
    queues.delete(name);
    if (!queue.waits()) continue;
    queues.set(name, queue);
    const leader = leaders.get(queue.topic)?.get(queue.partition);
    if (leader === undefined) continue;
    count += 1;
    const chosen = byLeader.get(leader);
    if (chosen === undefined) byLeader.set(leader, [queue]);
    else chosen.push(queue);
  }
  return byLeader;
}
