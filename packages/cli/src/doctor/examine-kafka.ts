import type { Topics } from '@tradestream/contracts';
import type { Session } from '@tradestream/database';
import { type LogAdmin, type LogReader, type PartitionRange, partitionOf } from '@tradestream/messaging';
import type { Findings } from './finding.ts';

export type KafkaSubject = {
  readonly admin: LogAdmin;
  readonly reader: LogReader;
  /** Of the ledger; null when the primary cannot be reached. */
  readonly session: Session | null;
  readonly topics: Topics;
  readonly workerGroup: string;
};

/** Records looked at in each partition. */
const SAMPLE_RECORDS = 1_000;
const HOUR_MS = 3_600_000;
const AHEAD_WARN_MS = 5_000;
const UNLIMITED = '-1';

/** Topics, their settings, and how the ledger's offsets lie on them. */
export async function examineKafka(findings: Findings, subject: KafkaSubject): Promise<void> {
  const { admin, topics, workerGroup } = subject;
  findings.ok('cluster', await admin.clusterId());
  const counts = new Map<string, number>();
  for (const topic of Object.values(topics)) {
    const count = await admin.partitionCount(topic);
    if (count === null) findings.fail(topic, 'absent', 'run `tradestream up`, which makes the topics: no client does');
    else {
      counts.set(topic, count);
      await examineTopic(findings, admin, { topic, isHistory: topic !== topics.deadLetters });
    }
  }
  const [commands, events] = [counts.get(topics.commands), counts.get(topics.events)];
  if (commands === undefined || events === undefined) return;
  if (commands === events) findings.ok('partitions', `${commands} of both topics`);
  else
    findings.fail(
      'partitions',
      `${commands} of ${topics.commands}, ${events} of ${topics.events}`,
      'make them equal: an event goes to the partition of its command',
    );
  const ranges = await admin.ranges(topics.commands);
  await examineOffsets(findings, subject, ranges);
  await examinePlacing(findings, subject, ranges);
  const { state, members } = await admin.groupState(workerGroup);
  if (members > 0) findings.ok(`group ${workerGroup}`, `${state}, ${members} members`);
  else findings.warn(`group ${workerGroup}`, `${state}, no member`, 'start a worker: nothing is applied');
}

async function examineTopic(
  findings: Findings,
  admin: LogAdmin,
  { topic, isHistory }: { readonly topic: string; readonly isHistory: boolean },
): Promise<void> {
  const config = await admin.topicConfig(topic);
  const set = (name: string) => config[name] ?? '';
  const alter = (setting: string) => `kafka-configs --alter --topic ${topic} --add-config ${setting}`;
  if (set('cleanup.policy') === 'delete') findings.ok(topic, 'cleanup.policy=delete');
  else
    findings.fail(
      topic,
      `cleanup.policy=${set('cleanup.policy')}`,
      `${alter('cleanup.policy=delete')}: compaction drops records of a key`,
    );
  const [ms, bytes] = [set('retention.ms'), set('retention.bytes')];
  if (ms === UNLIMITED && bytes === UNLIMITED) findings.ok(topic, 'kept for ever');
  else if (isHistory) {
    const limit = ms === UNLIMITED ? `${bytes} bytes a partition` : `${Math.round(Number(ms) / HOUR_MS)} h`;
    findings.warn(
      topic,
      `kept for ${limit}`,
      `${alter('retention.ms=-1,retention.bytes=-1')}, or see that no consumer is away for longer`,
    );
  }
  if (set('unclean.leader.election.enable') === 'true') {
    findings.fail(
      topic,
      'unclean.leader.election.enable=true',
      `${alter('unclean.leader.election.enable=false')}: a stale replica would drop what was acknowledged`,
    );
  }
  const inSync = Number(set('min.insync.replicas'));
  if (inSync >= 2) findings.ok(topic, `min.insync.replicas=${inSync}`);
  else
    findings.warn(
      topic,
      `min.insync.replicas=${inSync}`,
      'use 3 replicas and min.insync.replicas=2: what was acknowledged may be on one broker only',
    );
}

/** The ledger goes on at an offset that the log must still, and already, have. */
async function examineOffsets(
  findings: Findings,
  { session, topics }: KafkaSubject,
  ranges: readonly PartitionRange[],
): Promise<void> {
  if (session === null) return;
  const { rows } = await session.query<{ partition: number; next: number }>({
    text: 'SELECT partition, next_offset::float8 AS next FROM ledger.partitions WHERE topic = $1 ORDER BY partition',
    values: [topics.commands],
  });
  let isWell = true;
  for (const { partition, next } of rows) {
    const range = ranges.find((each) => each.partition === partition);
    const check = `next offset ${partition}`;
    if (range === undefined || next > range.end) {
      isWell = false;
      findings.fail(
        check,
        `${next}, the log ends at ${range?.end ?? 'no such partition'}`,
        'the topic was made anew or cut: see the runbook LOG_CHANGED',
      );
    } else if (next < range.start) {
      isWell = false;
      findings.fail(
        check,
        `${next}, the log begins at ${range.start}`,
        'records expired unread: see the runbook LOG_EXPIRED',
      );
    }
  }
  if (isWell) findings.ok('next offsets', `${rows.length} partitions lie on the log`);
}

/** Safety does not rest on the partitioner, but the order of a key's commands does. */
async function examinePlacing(
  findings: Findings,
  { reader, topics }: KafkaSubject,
  ranges: readonly PartitionRange[],
): Promise<void> {
  const topic = topics.commands;
  let looked = 0;
  let misplaced = 0;
  let first = '';
  let newestMs = -Infinity;
  for (const { partition, start, end } of ranges) {
    const from = Math.max(start, end - SAMPLE_RECORDS);
    for await (const records of reader.read({ topic, partition, from, to: end })) {
      for (const { key, offset, timestampMs } of records) {
        newestMs = Math.max(newestMs, timestampMs);
        if (key === null) continue;
        looked += 1;
        const wanted = partitionOf(key, ranges.length);
        if (wanted === partition) continue;
        misplaced += 1;
        if (first === '') first = `${partition}@${offset}, which belongs in ${wanted}`;
      }
    }
  }
  examineProducerClocks(findings, newestMs - Date.now());
  if (misplaced === 0) findings.ok('partitioner', `${looked} records lie where murmur2 puts them`);
  else
    findings.warn(
      'partitioner',
      `${misplaced} of ${looked} records lie elsewhere, the first at ${first}`,
      'set the producer to murmur2 (librdkafka: partitioner=murmur2_random): commands of one key are applied out of order',
    );
}

/** Records are stamped by whoever made them. */
function examineProducerClocks(findings: Findings, aheadMs: number): void {
  if (aheadMs <= AHEAD_WARN_MS) findings.ok('producer clocks', 'no record is of the future');
  else
    findings.warn(
      'producer clocks',
      `a record is ${Math.round(aheadMs / 1_000)} s ahead of this machine`,
      'let the producers follow a time server: lag in seconds, order across partitions and expiry go by their clocks',
    );
}
