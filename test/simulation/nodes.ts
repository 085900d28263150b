import type { SubscriptionHandler } from '@tradestream/messaging';
import { errorOf, Readiness, RuntimeError, readConfig } from '@tradestream/runtime';
import { Bell } from '../../services/projector/src/bell.ts';
import { Deference } from '../../services/projector/src/deference.ts';
import { Projector } from '../../services/projector/src/projector.ts';
import { ViewLink } from '../../services/projector/src/view-link.ts';
import { VIEWS } from '../../services/projector/src/views/all-views.ts';
import { assembleWorker } from '../../services/worker/src/assemble-worker.ts';
import { WORKER_SPEC, type WorkerConfig } from '../../services/worker/src/config.ts';
import { APPLICATION_NAME } from '../../services/worker/src/connections.ts';
import { LedgerLink } from '../../services/worker/src/ownership/ledger-link.ts';
import { EVENT_SCHEMA_ID } from './commands.ts';
import type { Profile } from './profile.ts';
import { Actor } from './scheduler.ts';
import { eventReader, log, projectorMetrics, schemaBook, workerMetrics } from './shared.ts';
import { Member } from './simulated-log.ts';
import type { Wiring } from './wiring.ts';

const WATCH_MS = 2_000;
const STATEMENT_TIMEOUT_MS = 3_000;
const COMMIT_TIMEOUT_MS = 500;
const URL = 'postgres://simulation';

/** A process as long as it lives. */
export type Life = {
  readonly actor: Actor;
  member: Member | null;
  /** Called when its subscription has failed for good: the process is to end. */
  onEnded: () => void;
  /** Ends it as its composition root does on SIGTERM; resolves when it is gone. */
  stop: () => Promise<void>;
};

function newLife(actor: Actor): Life {
  return { actor, member: null, onEnded: () => undefined, stop: async () => undefined };
}

/** A worker, from its start on; what ends it before its time goes to `fail`. */
export function startWorker(wiring: Wiring, name: string, fail: (error: Error) => void): Life {
  const actor = new Actor(name);
  const life = newLife(actor);
  wiring.scheduler.after(actor, 0, 'start', () => {
    runWorker(wiring, life).catch((error: unknown) => fail(errorOf(error)));
  });
  return life;
}

async function runWorker(wiring: Wiring, life: Life): Promise<void> {
  const { server, log: broker, profile } = wiring;
  const { actor } = life;
  const closing = new AbortController();
  const readiness = new Readiness();
  const link = new LedgerLink({
    openSession: server.openerFor(actor),
    url: URL,
    applicationName: APPLICATION_NAME,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
    commitTimeoutMs: COMMIT_TIMEOUT_MS,
    readiness,
    log,
    signal: closing.signal,
  });
  await link.reopen();
  const { worker, relay } = assembleWorker({
    config: workerConfig(profile),
    connections: {
      owner: actor.name,
      topics: wiring.topics,
      link,
      admin: broker.adminFor(actor, wiring.admin),
      reader: broker.readerFor(actor, wiring.reader),
      producer: broker.producerFor(actor),
      clusterId: 'memory',
      eventSchemaId: EVENT_SCHEMA_ID,
    },
    schemas: schemaBook,
    log,
    readiness,
    metrics: workerMetrics,
    stopping: closing.signal,
  });
  const applying = worker.run();
  const relaying = relay.run();
  const member = memberOf(wiring, actor, {
    group: 'transaction-worker',
    topic: wiring.topics.commands,
    handler: worker,
  });
  life.member = member;
  member.onEnded = () => life.onEnded();
  worker.attach(member);
  member.join();
  const watching = setInterval(() => worker.watch(), WATCH_MS);
  const { operators } = profile;
  const looking = operators && setInterval(() => void worker.lookForIntents(), operators.lookEveryMs);
  life.stop = async () => {
    clearInterval(watching);
    if (looking !== null) clearInterval(looking);
    closing.abort(new RuntimeError('RT_ABORTED'));
    await applying;
    await member.close();
    relay.stop();
    await relaying;
  };
  await Promise.all([applying, relaying]);
}

/** A projector of all views; as above. */
export function startProjector(wiring: Wiring, name: string, fail: (error: Error) => void): Life {
  const actor = new Actor(name);
  const life = newLife(actor);
  wiring.scheduler.after(actor, 0, 'start', () => {
    runProjector(wiring, life).catch((error: unknown) => fail(errorOf(error)));
  });
  return life;
}

async function runProjector(wiring: Wiring, life: Life): Promise<void> {
  const { server, log: broker, profile } = wiring;
  const { actor } = life;
  const stopped = new AbortController();
  const bell = new Bell();
  const admin = broker.adminFor(actor, wiring.admin);
  const link = new ViewLink({
    openSession: server.openerFor(actor),
    url: URL,
    applicationName: 'tradestream-projector',
    signal: stopped.signal,
    onLost: () => bell.ring(),
  });
  const projector = new Projector({
    link,
    reader: eventReader,
    admin,
    topic: wiring.topics.events,
    views: VIEWS,
    batchRecordsMax: profile.projectRecordsMax,
    aheadRecordsMin: profile.aheadCommandsMin,
    queueRecordsMax: 100,
    commitTimeoutMs: COMMIT_TIMEOUT_MS,
    bell,
    deference: new Deference({ admin, commandsTopic: wiring.topics.commands, workerGroup: '', factor: 0, log }),
    metrics: projectorMetrics,
    readiness: new Readiness(),
    log,
  });
  const projecting = projector.run();
  const member = memberOf(wiring, actor, { group: 'projector-views', topic: wiring.topics.events, handler: projector });
  life.member = member;
  member.onEnded = () => life.onEnded();
  projector.attach(member);
  member.join();
  await projecting;
}

function memberOf(
  { log: broker, profile }: Wiring,
  actor: Actor,
  of: { readonly group: string; readonly topic: string; readonly handler: SubscriptionHandler },
): Member {
  const { group, topic, handler } = of;
  const { sessionTimeoutMs } = profile;
  const subscribe = { group, topic, clientId: actor.name, sessionTimeoutMs, drainMs: sessionTimeoutMs / 2 };
  return new Member(broker, actor, { subscribe, handler, pieceMax: profile.pieceMax });
}

/** As the settings say where a world does not choose them. */
const DEFAULTS = readConfig(WORKER_SPEC, {
  KAFKA_BROKERS: 'none:1',
  SCHEMA_REGISTRY_URL: 'http://none',
  DATABASE_URL: URL,
});

function workerConfig(profile: Profile): WorkerConfig {
  return {
    ...DEFAULTS,
    TRADESTREAM_WORKER_CACHE_ENTRIES_MAX: profile.cacheEntriesMax,
    TRADESTREAM_WORKER_BATCH_COMMANDS_MAX: profile.batchCommandsMax,
    TRADESTREAM_WORKER_RELAY_EVENTS_MAX: profile.relayEventsMax,
    TRADESTREAM_WORKER_COMMIT_TIMEOUT_MS: COMMIT_TIMEOUT_MS,
    TRADESTREAM_WORKER_QUEUE_RECORDS_MAX: 100,
    TRADESTREAM_WORKER_AHEAD_COMMANDS_MIN: profile.aheadCommandsMin,
    TRADESTREAM_WORKER_RETRY_DEADLINE_MS: 1_000,
    TRADESTREAM_WORKER_CLAIM_TIMEOUT_MS: 200,
    TRADESTREAM_WORKER_DRAIN_MS: 2_000,
    ...(profile.operators === null
      ? {}
      : {
          TRADESTREAM_WORKER_RELEASE_RECORDS_MAX: profile.operators.releaseRecordsMax,
          TRADESTREAM_WORKER_KEY_WAITING_MAX: profile.operators.keyWaitingMax,
        }),
  };
}
