import { errorOf } from './app-error.ts';
import { type ConfigOf, type ConfigSpec, readConfig, redactConfig } from './config.ts';
import { RuntimeError } from './errors.ts';
import { createLogger, LOG_LEVELS, type Logger, type LogLevel } from './log.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { Readiness } from './readiness.ts';
import type { Closeable } from './scope.ts';
import { waitFor } from './wait.ts';

export type ServiceContext = {
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly readiness: Readiness;
  /** Aborts when the process is told to stop while it still starts. */
  readonly stopping: AbortSignal;
  /** Ends the process with exit code 1 after a drain: for a failure that only a new start can mend. */
  readonly fail: (error: Error) => void;
};

export type Service<Spec extends ConfigSpec> = {
  readonly name: string;
  readonly spec: Spec;
  /** Settings that start with it and are not in the specification are refused. */
  readonly prefix: string;
  /** Longest drain after a signal, milliseconds. */
  readonly drainMs: number | ((config: ConfigOf<Spec>) => number);
  /** Opens everything; may wait for dependencies, saying for what in `readiness`. */
  readonly start: (config: ConfigOf<Spec>, context: ServiceContext) => Promise<Closeable>;
};

/**
 * The life of a service's process. SIGTERM or SIGINT drains and exits 0; a second signal, or a
 * drain beyond its limit, exits 1; a bug exits 1 after it was logged. A refused configuration
 * exits 2.
 */
export async function runService<Spec extends ConfigSpec>(service: Service<Spec>): Promise<void> {
  const log = createLogger({ service: service.name, level: levelOf(process.env['LOG_LEVEL']) });
  let config: ConfigOf<Spec>;
  try {
    config = readConfig(service.spec, process.env, { prefix: service.prefix });
  } catch (error) {
    log.error({ error: errorOf(error) }, 'config_refused');
    process.exitCode = 2;
    return;
  }
  log.info({ config: redactConfig(service.spec, config) }, 'service_starting');
  const drainMs = typeof service.drainMs === 'number' ? service.drainMs : service.drainMs(config);
  const stopping = new AbortController();
  let running: Closeable | null = null;
  let exitCode = 0;
  let signalled = false;
  const stop = (code: number) => {
    exitCode = Math.max(exitCode, code);
    if (stopping.signal.aborted) return;
    stopping.abort(new Error('the service is stopping'));
    if (running !== null) void drain(running);
    else setTimeout(giveUpStarting, drainMs).unref();
  };
  // A start that does not heed `stopping` is not waited for beyond the drain's limit.
  const giveUpStarting = () => {
    if (running !== null) return;
    log.error({ drainMs }, 'start_not_ended');
    process.exit(1);
  };
  const drain = async (resource: Closeable) => {
    try {
      await waitFor(resource.close(), { timeoutMs: drainMs, stage: 'drain' });
      log.info({ exitCode }, 'service_stopped');
    } catch (error) {
      exitCode = 1;
      log.error({ error: errorOf(error) }, 'drain_failed');
    }
    process.exit(exitCode);
  };
  const onSignal = (name: NodeJS.Signals) => {
    log.info({ signal: name }, signalled ? 'stop_forced' : 'stop_requested');
    if (signalled) process.exit(1);
    signalled = true;
    stop(0);
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  const onBug = (thrown: unknown) => {
    log.error({ error: errorOf(thrown) }, 'service_crashed');
    process.exit(1);
  };
  process.on('uncaughtException', onBug);
  process.on('unhandledRejection', onBug);
  const fail = (error: Error) => {
    log.error({ error }, 'service_failed');
    stop(1);
  };
  try {
    running = await service.start(config, {
      log,
      metrics: createMetrics({ service: service.name }),
      readiness: new Readiness(),
      stopping: stopping.signal,
      fail,
    });
    if (stopping.signal.aborted) await drain(running);
    else log.info('service_started');
  } catch (error) {
    if (!(stopping.signal.aborted && error instanceof RuntimeError)) {
      log.error({ error: errorOf(error) }, 'start_failed');
      exitCode = 1;
    }
    process.exit(exitCode);
  }
}

function levelOf(given: string | undefined): LogLevel {
  return LOG_LEVELS.find((level) => level === given) ?? 'info';
}
