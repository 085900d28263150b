import { join } from 'node:path';
import { prepareKafka } from '../parts/kafka-part.ts';
import type { PortPlan } from '../parts/port-plan.ts';
import { prepareRedis } from '../parts/redis-part.ts';
import { prepareRegistry } from '../parts/registry-part.ts';
import type { StackState } from '../parts/stack-state.ts';
import { type PartContext, PartProcess } from '../processes/part-process.ts';
import type { PartName, StackProgress } from '../stack.ts';
import type { PostgresCluster } from './postgres-cluster.ts';
import type { RunFolders } from './run-folders.ts';

export type StartPlan = {
  readonly parts: readonly PartName[];
  readonly java: string;
  readonly programs: { readonly kafka: string; readonly registry: string; readonly redis: string };
  readonly folders: RunFolders;
  readonly ports: PortPlan;
  readonly state: StackState;
  readonly cluster: PostgresCluster;
  readonly context: PartContext;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: (progress: StackProgress) => void;
  /** Told of each process before it starts, so that a failure elsewhere can end it. */
  readonly onProcess: (process: PartProcess) => void;
};

/**
 * Starts everything, each part as soon as it can: Kafka and Redis at once, the nodes when the cluster
 * is made, the registry when the primary is there.
 */
export async function startParts(plan: StartPlan): Promise<void> {
  const failed = new AbortController();
  const signals = plan.signal === undefined ? [failed.signal] : [failed.signal, plan.signal];
  const bound = { ...plan, signal: AbortSignal.any(signals) };
  const nodes = startNodes(bound);
  const starting = [startKafka(bound), startRedis(bound), nodes, nodes.then(() => startRegistry(bound))];
  const failures: unknown[] = [];
  // The first to fail is the cause; the others are given up, and end before anything is taken down.
  await Promise.all(
    starting.map((part) =>
      part.catch((error: unknown) => {
        failures.push(error);
        failed.abort(error);
      }),
    ),
  );
  if (failures.length > 0) throw failures[0];
}

async function startNodes(plan: StartPlan): Promise<void> {
  const { cluster, onProgress, signal } = plan;
  if (cluster.processes.size === 0) return;
  for (const part of cluster.processes.keys()) onProgress({ part, state: 'starting' });
  for (const process of cluster.processes.values()) plan.onProcess(process);
  await cluster.prepare();
  await cluster.start(signal);
  await cluster.waitForStreaming(signal);
  for (const part of cluster.processes.keys()) onProgress({ part, state: 'ready' });
}

async function startKafka(plan: StartPlan): Promise<void> {
  const { parts, programs, folders, ports, state } = plan;
  if (!parts.includes('kafka')) return;
  const command = await prepareKafka({
    java: plan.java,
    installFolder: programs.kafka,
    folder: join(folders.data, 'kafka'),
    logFile: join(folders.logs, 'kafka.log'),
    port: ports.kafka,
    controllerPort: ports.controller,
    clusterId: state.kafkaClusterId,
    directoryId: state.kafkaDirectoryId,
  });
  await startProcess(plan, new PartProcess(command, plan.context));
}

async function startRedis(plan: StartPlan): Promise<void> {
  const { parts, programs, folders, ports, state } = plan;
  if (!parts.includes('redis')) return;
  const command = prepareRedis({
    server: join(programs.redis, 'redis-server'),
    folder: join(folders.data, 'redis'),
    logFile: join(folders.logs, 'redis.log'),
    port: ports.redis,
    password: state.passwords.redis,
  });
  await startProcess(plan, new PartProcess(command, plan.context));
}

async function startRegistry(plan: StartPlan): Promise<void> {
  const { parts, folders, ports, state, cluster } = plan;
  if (!parts.includes('registry')) return;
  const command = prepareRegistry({
    java: plan.java,
    jar: plan.programs.registry,
    folder: join(folders.temporary, 'registry'),
    logFile: join(folders.logs, 'registry.log'),
    port: ports.registry,
    database: {
      ports: [...cluster.processes.keys()].map((name) => ports[name]),
      name: 'registry',
      user: 'tradestream_registry',
      password: state.passwords.registry,
    },
  });
  await startProcess(plan, new PartProcess(command, plan.context));
}

async function startProcess(plan: StartPlan, process: PartProcess): Promise<void> {
  const part = process.command.name;
  plan.onProcess(process);
  plan.onProgress({ part, state: 'starting' });
  await process.start(plan.signal);
  plan.onProgress({ part, state: 'ready' });
}
