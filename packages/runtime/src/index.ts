export type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
export {
  AppError,
  type AppErrorOptions,
  Bug,
  type ErrorEntry,
  type ErrorTable,
  errorOf,
  invariant,
  type RetryClass,
} from './app-error.ts';
export { type Clock, systemClock } from './clock.ts';
export {
  type ConfigOf,
  type ConfigSpec,
  describeConfig,
  flag,
  int,
  list,
  oneOf,
  readConfig,
  redactConfig,
  type Setting,
  type SettingRow,
  secret,
  text,
  url,
} from './config.ts';
export { RUNTIME_ERRORS, RuntimeError } from './errors.ts';
export { type HttpOptions, type HttpServer, isLoopback, openHttp } from './http/open-http.ts';
export { HttpProblem } from './http/problem.ts';
export { createLogger, LOG_LEVELS, type Logger, type LogLevel, redactText } from './log.ts';
export {
  type CounterMetric,
  createMetrics,
  type GaugeMetric,
  type HistogramMetric,
  type Labels,
  type MetricSpec,
  type Metrics,
} from './metrics.ts';
export { PartWatch, type PartWatchOptions } from './part-watch.ts';
export { Readiness, type ReadinessPart } from './readiness.ts';
export { nextPauseMs, type RetryOptions, type RetryPolicy, retry } from './retry.ts';
export { runService, type Service, type ServiceContext } from './run-service.ts';
export { type Closeable, Scope } from './scope.ts';
export { type UntilAnsweredOptions, untilAnswered } from './until-answered.ts';
export { sleep, type WaitOptions, waitFor } from './wait.ts';
