import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Closeable, type Logger, Scope } from '@tradestream/runtime';
import {
  type EndpointsFile,
  openStack,
  removeEndpoints,
  type Stack,
  type StackProgress,
  writeEndpoints,
} from '@tradestream/stack';
import { stateFolder } from '../connection.ts';
import { CliFailure } from '../output/exit-code.ts';
import { projectRoot } from '../project-root.ts';
import { prepare } from './prepare.ts';
import { probe } from './probe.ts';
import { planServices } from './services.ts';
import { SupervisedProcess } from './supervised-process.ts';
import { waitUntil } from './wait-until.ts';

export type InstallationOptions = {
  readonly dataDir?: string;
  readonly workers: number;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: StackProgress) => void;
  readonly onNote: (text: string) => void;
};

const READY_MS = 90_000;

/** A stack with the four services on it, and the endpoints file that tells of them. */
export class Installation implements Closeable {
  readonly stack: Stack;
  readonly #services: readonly SupervisedProcess[];
  readonly #scope: Scope;
  #isClosing = false;

  private constructor(stack: Stack, services: readonly SupervisedProcess[], scope: Scope) {
    this.stack = stack;
    this.#services = services;
    this.#scope = scope;
  }

  /** Resolves when every service is ready. @throws {CliFailure}, {StackError} with nothing left running */
  static async start(options: InstallationOptions): Promise<Installation> {
    const { log, signal, onNote } = options;
    const scope = new Scope();
    try {
      const stack = scope.use(
        await openStack({
          log,
          signal,
          onProgress: options.onProgress,
          ...(options.dataDir === undefined ? {} : { dataDir: options.dataDir }),
        }),
      );
      onNote('preparing tables, topics and schemas');
      await prepare(stack.endpoints, log);
      signal.throwIfAborted();
      const logFolder = stack.logFolder ?? join(stateFolder(), 'logs');
      mkdirSync(logFolder, { recursive: true });
      onNote('starting the services');
      let installation: Installation | null = null;
      const onChange = () => installation?.writeEndpoints();
      const services = planServices(stack, options.workers).map((plan) =>
        scope.use(new SupervisedProcess({ ...plan, logFile: join(logFolder, `${plan.name}.log`), onChange, onNote })),
      );
      scope.defer('endpoints', () => removeEndpoints(projectRoot()));
      installation = new Installation(stack, services, scope);
      await Promise.all(services.map((service) => untilReady(service, signal)));
      installation.writeEndpoints();
      return installation;
    } catch (error) {
      await scope.close();
      throw error;
    }
  }

  urlOf(service: string): string {
    return this.#services.find(({ name }) => name === service)?.url ?? '';
  }

  /** Replaces the file as a whole; called whenever a process ended or was started again. */
  writeEndpoints(): void {
    if (this.#isClosing) return;
    writeEndpoints(projectRoot(), this.#endpoints());
  }

  close(): Promise<void> {
    this.#isClosing = true;
    return this.#scope.close();
  }

  #endpoints(): EndpointsFile {
    const { endpoints, tokens, pids } = this.stack;
    const running = this.#services.filter(({ pid }) => pid !== null).map(({ name, pid }) => [name, pid]);
    return {
      ...endpoints,
      gatewayUrl: this.urlOf('gateway'),
      monitorUrl: this.urlOf('monitor'),
      metricsUrls: Object.fromEntries(this.#services.flatMap(({ name, url }) => (url === null ? [] : [[name, url]]))),
      pids: { ...Object.fromEntries(running), ...pids },
      tokens,
    };
  }
}

async function untilReady(service: SupervisedProcess, signal: AbortSignal): Promise<void> {
  let detail = 'it has not begun to listen';
  await waitUntil(
    async () => {
      if (service.state === 'failed')
        throw new CliFailure(`${service.name} refused its configuration; see ${service.logFile}`);
      if (service.url === null || service.state !== 'running') return null;
      const { isReady, waitingFor } = await probe(service.url);
      detail = waitingFor;
      return isReady ? true : null;
    },
    {
      timeoutMs: READY_MS,
      signal,
      describe: () => `${service.name} is not ready after ${READY_MS / 1_000} s: ${detail}; see ${service.logFile}`,
    },
  );
}
