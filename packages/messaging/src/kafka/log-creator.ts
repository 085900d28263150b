import type { Logger } from '@tradestream/runtime';
import { createLogger, type KafkajsLogger } from './kafkajs-internals.ts';

const KAFKAJS_LEVELS = { error: 1, debug: 5 } as const;

/**
 * kafkajs' log in pino, one step below what it claims: an unreachable broker, a coordinator that
 * still warms up or a rebalance are errors to it and everyday to the adapter, which retries them
 * and writes one line of its own when the cluster is lost and when it is back.
 */
export function kafkajsLogger(log: Logger): KafkajsLogger {
  const level = log.isLevelEnabled('trace') ? KAFKAJS_LEVELS.debug : KAFKAJS_LEVELS.error;
  return createLogger({ level, logCreator: () => pinoWriter(log) });
}

export function pinoWriter(log: Logger): (entry: KafkajsEntry) => void {
  return ({ namespace, label, log: { timestamp: _timestamp, logger: _logger, message, ...fields } }) => {
    const write = label === 'DEBUG' ? log.trace.bind(log) : log.debug.bind(log);
    write({ namespace, label, message, ...fields }, 'kafkajs');
  };
}

type KafkajsEntry = {
  readonly namespace: string;
  readonly label: string;
  readonly log: Readonly<Record<string, unknown>>;
};
