import { join } from 'node:path';
import { type Closeable, errorOf } from '@tradestream/runtime';
import { cacheFolder } from '../artifacts/cache-folder.ts';
import type { ArtifactName } from '../artifacts/catalogue.ts';
import { fetchArtifacts } from '../artifacts/fetch-artifacts.ts';
import { StackError } from '../errors.ts';
import { isPortFree } from '../host/choose-ports.ts';
import { findJava } from '../host/find-java.ts';
import { choosePostgresUser } from '../host/system-user.ts';
import { placePrograms } from '../parts/place-programs.ts';
import { completeParts, nodesOf, planPorts } from '../parts/port-plan.ts';
import { loadStackState, saveStackState } from '../parts/stack-state.ts';
import type { PartProcess } from '../processes/part-process.ts';
import { reapRuns } from '../processes/reap-runs.ts';
import { RunJournal } from '../processes/run-record.ts';
import { startWatchdog } from '../processes/watchdog.ts';
import { NODE_NAMES, type PartName, type Stack, type StackOptions } from '../stack.ts';
import type { GivenEndpoints } from '../stack-mode.ts';
import { EmbeddedStack } from './embedded-stack.ts';
import { PostgresCluster } from './postgres-cluster.ts';
import { openRunFolders } from './run-folders.ts';
import { startParts } from './start-parts.ts';
import { WriteBack } from './write-back.ts';

const PORT_ATTEMPTS_MAX = 3;
const REGISTRY_JAR = 'apicurio-registry-app-3.0.9-runner.jar';

/**
 * Starts the parts as processes of this machine. Another try with other ports follows when a chosen
 * port was taken in between.
 */
export async function openEmbedded(
  options: StackOptions,
  wanted: readonly PartName[],
  given: GivenEndpoints,
): Promise<Stack> {
  const env = options.env ?? process.env;
  const cache = cacheFolder(env);
  const runsFolder = join(cache, 'runs');
  const reaped = await reapRuns(runsFolder);
  if (reaped > 0) options.log.warn({ processes: reaped }, 'stack_orphans_ended');

  const parts = completeParts(wanted);
  const java = parts.includes('kafka') || parts.includes('registry') ? await findJava(env) : 'java';
  const artifacts = await fetchArtifacts({
    cacheFolder: cache,
    wanted: artifactsOf(parts),
    java,
    log: options.log,
    signal: options.signal,
    onFraction: (fraction) => options.onProgress?.({ part: 'artifacts', state: 'fetching', fraction }),
  });
  options.onProgress?.({ part: 'artifacts', state: 'ready', fraction: 1 });
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await openOnce({ ...options, given, runsFolder, parts, java, artifacts });
    } catch (error) {
      const taken = error instanceof StackError && error.code === 'STACK_PORT_TAKEN';
      if (!taken || attempt === PORT_ATTEMPTS_MAX) throw error;
      options.log.warn({ attempt, error }, 'stack_ports_chosen_again');
    }
  }
}

type OpenOnce = StackOptions & {
  readonly given: GivenEndpoints;
  readonly runsFolder: string;
  readonly parts: readonly PartName[];
  readonly java: string;
  readonly artifacts: Readonly<Record<ArtifactName, string>>;
};

async function openOnce(options: OpenOnce): Promise<Stack> {
  const { parts, artifacts, log, signal, dataDir, runsFolder } = options;
  const user = parts.includes('primary') ? choosePostgresUser() : null;
  const folders = await openRunFolders({ dataDir, runsFolder, user });
  const journal = new RunJournal(folders.runFile, folders.temporary);
  const watchdog = startWatchdog(folders.runFile);
  const processes: PartProcess[] = [];
  const context = { log, journal };
  let writeBack: WriteBack | null = null;
  const forget = async () => {
    journal.delete();
    await writeBack?.close();
    await watchdog.close();
  };
  const release: Closeable = {
    close: async () => {
      await forget();
      await folders.close();
    },
  };
  try {
    let state = loadStackState(folders.data);
    const ports = await planPorts(options.ports ?? {});
    const cluster = new PostgresCluster({
      install: { folder: await placePrograms(artifacts.postgres, folders.temporary, user), user },
      folder: folders.data,
      logFolder: folders.logs,
      nodes: nodesOf(parts),
      ports,
      state,
      settings: options.postgresSettings ?? {},
      durable: folders.kept,
      context,
      savePrimary: (primary) => {
        state = { ...state, primary };
        saveStackState(folders.data, state);
      },
    });
    await startParts({
      parts,
      java: options.java,
      programs: {
        kafka: artifacts.kafka,
        registry: join(artifacts.registry, REGISTRY_JAR),
        redis: artifacts.redis,
      },
      folders,
      ports,
      state,
      cluster,
      context,
      signal,
      onProgress: options.onProgress ?? (() => undefined),
      onProcess: (process) => processes.push(process),
    });
    writeBack = new WriteBack({ dataFolders: cluster.dataFolders });
    return new EmbeddedStack({ given: options.given, parts, ports, state, cluster, processes, folders, release });
  } catch (error) {
    const failure = await nameTakenPort(errorOf(error), processes);
    await Promise.all(processes.map((process) => process.stop('SIGKILL')));
    await forget();
    if (failure instanceof StackError && failure.code === 'STACK_PART_FAILED') await folders.closeKeepingLogs();
    else await folders.close();
    throw failure;
  }
}

/** A part that ended although its port is served: by somebody else. */
async function nameTakenPort(error: Error, processes: readonly PartProcess[]): Promise<Error> {
  if (!(error instanceof StackError) || error.code !== 'STACK_PART_FAILED') return error;
  for (const { command, pid } of processes) {
    if (pid === null && command.name === error.context['part'] && !(await isPortFree(command.port))) {
      return new StackError('STACK_PORT_TAKEN', { cause: error, context: { part: command.name, port: command.port } });
    }
  }
  return error;
}

function artifactsOf(parts: readonly PartName[]): readonly ArtifactName[] {
  const nodes: readonly string[] = NODE_NAMES;
  return [...new Set(parts.map((part): ArtifactName => (nodes.includes(part) ? 'postgres' : (part as ArtifactName))))]; // the other names are the same
}
