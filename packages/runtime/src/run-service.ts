import { errorOf } from './app-error.ts';
import { type ConfigOf, type ConfigSpec, readConfig, redactConfig } from './config.ts';
import { createLogger, LOG_LEVELS, type Logger, type LogLevel } from './log.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { Readiness } from './readiness.ts';
import type { Closeable } from './scope.ts';
import { ServiceLife } from './service-life.ts';

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
  const config = configOf(service, log);
  if (config === null) return;
  log.info({ config: redactConfig(service.spec, config) }, 'service_starting');
  const drainMs = typeof service.drainMs === 'number' ? service.drainMs : service.drainMs(config);
  const life = new ServiceLife({ log, drainMs });
  life.listen();
  let running: Closeable;
  try {
    running = await service.start(config, {
      log,
      metrics: createMetrics({ service: service.name }),
      readiness: new Readiness(),
      stopping: life.stopping,
      fail: (error) => life.fail(error),
    });
  } catch (error) {
    return life.startFailed(error);
  }
  await life.began(running);
}

/** Null for a configuration that is refused: the process then ends by itself, with exit code 2. */
function configOf<Spec extends ConfigSpec>({ spec, prefix }: Service<Spec>, log: Logger): ConfigOf<Spec> | null {
  try {
    return readConfig(spec, process.env, { prefix });
  } catch (error) {
    log.error({ error: errorOf(error) }, 'config_refused');
    process.exitCode = 2;
    return null;
  }
}

function levelOf(given: string | undefined): LogLevel {
  return LOG_LEVELS.find((level) => level === given) ?? 'info';
}
