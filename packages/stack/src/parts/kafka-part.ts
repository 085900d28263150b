import { mkdirSync, writeFileSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PartCommand } from '../processes/part-process.ts';
import { isKafkaReady } from './kafka-probe.ts';

export type KafkaOptions = {
  readonly java: string;
  /** Folder of the jars and of the formatted `bootstrap.checkpoint`. */
  readonly installFolder: string;
  readonly folder: string;
  readonly logFile: string;
  readonly port: number;
  readonly controllerPort: number;
  readonly clusterId: string;
  readonly directoryId: string;
};

/** JVM settings that Kafka and the registry share. */
export const JVM_ARGS = [
  '-XX:-UsePerfData',
  '-Djava.awt.headless=true',
  '-Dfile.encoding=UTF-8',
  '-Duser.timezone=UTC',
];

/**
 * One broker that is its own controller. The voters are named in the settings, not in the log, so
 * that a kept folder can come back on other ports.
 */
export async function prepareKafka(options: KafkaOptions): Promise<PartCommand> {
  const { java, installFolder, folder, logFile, port } = options;
  const dataFolder = join(folder, 'data');
  const settingsFile = join(folder, 'server.properties');
  mkdirSync(dataFolder, { recursive: true });
  writeFileSync(settingsFile, brokerSettings(options, dataFolder));
  // What `StorageTool format` writes: a start of Java saved.
  writeFileSync(
    join(dataFolder, 'meta.properties'),
    `node.id=1\ndirectory.id=${options.directoryId}\nversion=1\ncluster.id=${options.clusterId}\n`,
  );
  await copyFile(join(installFolder, 'bootstrap.checkpoint'), join(dataFolder, 'bootstrap.checkpoint'));
  return {
    name: 'kafka',
    command: java,
    args: [
      ...JVM_ARGS,
      '-Xms256m',
      '-Xmx512m',
      // On few processors a third to two thirds less of them: no threads beside the broker's, and little to compile.
      '-XX:+UseSerialGC',
      '-XX:TieredStopAtLevel=1',
      `-Djava.io.tmpdir=${folder}`,
      ...logArgs('info'),
      '-cp',
      join(installFolder, '*'),
      'kafka.Kafka',
      settingsFile,
    ],
    env: { PATH: process.env['PATH'] ?? '', LANG: 'C.UTF-8' },
    cwd: folder,
    logFile,
    port,
    user: null,
    stopSignal: 'SIGTERM',
    stopMs: 8_000,
    isReady: () => isKafkaReady(port),
  };
}

export function logArgs(level: 'info' | 'warn'): readonly string[] {
  const prefix = '-Dorg.slf4j.simpleLogger';
  return [
    `${prefix}.defaultLogLevel=${level}`,
    `${prefix}.showDateTime=true`,
    `${prefix}.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSZ`,
  ];
}

export function brokerSettings(options: Pick<KafkaOptions, 'port' | 'controllerPort'>, dataFolder: string): string {
  const { port, controllerPort } = options;
  const settings = {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'log.dirs': dataFolder,
    'auto.create.topics.enable': false,
    'default.replication.factor': 1,
    'min.insync.replicas': 1,
    'offsets.topic.replication.factor': 1,
    // Each partition of these is made at the first use of a group or a transaction, while it waits.
    'offsets.topic.num.partitions': 8,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 4,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    'share.coordinator.state.topic.num.partitions': 1,
    'group.initial.rebalance.delay.ms': 0,
    'group.min.session.timeout.ms': 1000,
    'num.network.threads': 2,
    'num.io.threads': 4,
    'num.recovery.threads.per.data.dir': 2,
    'log.retention.hours': -1,
    'controlled.shutdown.enable': false,
    'initial.broker.registration.timeout.ms': 60_000,
    // So long a broker that was killed is taken for alive, and may not come back.
    'broker.session.timeout.ms': 4_000,
    'broker.heartbeat.interval.ms': 1_000,
  };
  return `${Object.entries(settings)
    .map(([name, value]) => `${name}=${String(value)}`)
    .join('\n')}\n`;
}
