import { readFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { createLogger } from '@tradestream/runtime';
import { createScratchDatabase } from '@tradestream/stack';
import { migrate, openSession } from '@tradestream/database';
import { openKafka, type OutgoingRecord } from '@tradestream/messaging';
import { openSchemas, topicsWithPrefix, encodeCommand, frame, readFrame, decodeEvent, commandHeaders } from '@tradestream/contracts';
import { commandKey } from '@tradestream/trading';
import { Load, BASELINE_LOAD, type LoadCommand } from './load.ts';
const log = createLogger({ service: 'drive', level: 'info' });
const endpoints = JSON.parse(readFileSync('/tmp/lead/endpoints.json', 'utf8'));
const db = await createScratchDatabase(endpoints, 'drive');
await migrate({ url: db.url, folder: 'schemas/sql/ledger', schema: 'ledger', log });
const prefix = `drive-${Date.now()}-`;
const topics = topicsWithPrefix(prefix);
const kafka = await openKafka({ brokers: endpoints.kafkaBrokers.split(','), clientId: 'drive', log });
const admin = await kafka.openAdmin();
await admin.createTopics([topics.commands, topics.events, topics.deadLetters].map((topic) => ({ topic, partitions: 6 })));
const schemas = await openSchemas({ url: endpoints.schemaRegistryUrl, log, timeoutMs: 5000, topics });
const ids = await schemas.register();
const users = Number(process.env.USERS ?? 2000), count = Number(process.env.COUNT ?? 20000);
const load = new Load({ ...BASELINE_LOAD, users, openOrders: 400 });
const producer = await kafka.openProducer({ clientId: 'drive' });
const send = async (commands: Iterable<LoadCommand>) => {
  let batch: OutgoingRecord[] = []; let n = 0;
  for (const { commandId, command } of commands) {
    batch.push({ key: commandKey(command), value: frame(ids.commandSchemaId, encodeCommand({ commandId, command })), headers: commandHeaders({ commandId, type: command.type, source: '/drive', timeMs: Date.now() }) });
    n++;
    if (batch.length === 2000) { await producer.send(topics.commands, batch); batch = []; }
  }
  if (batch.length) await producer.send(topics.commands, batch);
  return n;
};
const env = { ...process.env, KAFKA_BROKERS: endpoints.kafkaBrokers, SCHEMA_REGISTRY_URL: endpoints.schemaRegistryUrl, TRADESTREAM_WORKER_DATABASE_URL: db.serviceUrls.worker, TRADESTREAM_TOPIC_PREFIX: prefix, TRADESTREAM_GROUP_PREFIX: prefix };
const args = process.env.PROF ? ['--cpu-prof', '--cpu-prof-dir=/tmp/lead/prof', 'services/worker/src/main.ts'] : ['services/worker/src/main.ts'];
const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'inherit', 'inherit'] });
const session = await openSession({ url: db.url, applicationName: 'drive', connectTimeoutMs: 5000 });
const receipts = async () => Number((await session.query<{ n: string }>({ text: 'SELECT sum(next_offset)::text n FROM ledger.partitions' })).rows[0]?.n ?? 0);
const cpu = () => { const f = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(' '); return (Number(f[13]) + Number(f[14])) * 10_000; };
const waitFor = async (n: number) => { const t = performance.now(); let last = -1; while ((last = await receipts()) < n) { await new Promise((r) => setTimeout(r, 100)); if (performance.now() - t > 120000) throw new Error(`stuck at ${last} of ${n}`); } };
try {
let t = performance.now();
let n = await send(load.setup()); console.log('setup sent', n, Math.round(performance.now() - t));
await waitFor(n); console.log('setup applied', Math.round(performance.now() - t));
const commands = [...load.commands(count)];
child.kill('SIGSTOP');
await send(commands);
const wal0 = (await session.query<{ l: string }>({ text: 'SELECT pg_current_wal_lsn()::text l' })).rows[0]!.l;
const cpu0 = cpu();
t = performance.now(); child.kill('SIGCONT');
await waitFor(n + count);
const ms = performance.now() - t;
const wal = (await session.query<{ b: string }>({ text: `SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '${wal0}')::text b` })).rows[0]!.b;
console.log('applied', count, 'in', Math.round(ms), 'rate', Math.round(count / ms * 1000), 'cpu us/cmd', ((cpu() - cpu0) / count).toFixed(1), 'wal/cmd', Math.round(Number(wal) / count));
console.log((await session.query({ text: 'SELECT outcome, reason, count(*) FROM ledger.receipts GROUP BY 1,2 ORDER BY 3 DESC' })).rows);
await new Promise((r) => setTimeout(r, 1500));
console.log((await session.query({ text: 'SELECT partition, next_offset, event_seq, published_seq, epoch FROM ledger.partitions ORDER BY 1' })).rows);
const ranges = await admin.ranges(topics.events); console.log(ranges);
const reader = await kafka.openReader();
for (const r of ranges) { const seqs: string[] = []; let n = 0, prev = 0; for await (const rs of reader.read({ topic: topics.events, partition: r.partition, from: r.start, to: r.end })) for (const rec of rs) { const ev = decodeEvent(readFrame(rec.value!).payload); n++; if (ev.partition !== r.partition || ev.seq !== prev + 1) seqs.push(`${rec.offset}:${ev.partition}/${ev.seq} after ${prev}`); prev = ev.seq; } console.log(r.partition, n, prev, seqs.length, seqs.slice(0, 6)); }
await reader.close();
console.log((await session.query({ text: `SELECT asset, sum(available+held) FROM ledger.balances GROUP BY 1 ORDER BY 1 LIMIT 3` })).rows);
} finally {
child.kill('SIGTERM'); await new Promise((r) => child.once('exit', r));
await session.close(); await producer.close(); await admin.close(); await kafka.close(); await db.close();
}
