import { type Logger, pino, stdSerializers } from 'pino';
import { AppError } from './app-error.ts';

export type { Logger };

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Credentials inside a URL, whichever scheme, up to the last `@` of its authority: the user's name stays, the password goes. */
const URL_PASSWORD = /([a-z][a-z0-9+.-]*:\/\/[^\s:/@"\\]*):[^\s/"\\]+@/gi;
/** The same as a parameter, which libpq's URLs allow. */
const PARAMETER_PASSWORD = /([?&][a-z_]*(?:password|token|secret)=)[^\s&"\\]+/gi;

/**
 * JSON lines on standard error, so that standard output stays free for data. The message is the
 * event's name; everything else is a field. Errors are written through a serializer that keeps a
 * fixed list of fields (driver errors carry row values in `detail`); passwords in URLs are cut from
 * every line, whatever field they are in.
 */
export function createLogger(options: {
  readonly service: string;
  readonly level?: LogLevel;
  readonly destination?: { write(line: string): void };
}): Logger {
  return pino(
    {
      name: options.service,
      level: options.level ?? 'info',
      base: { service: options.service, pid: process.pid },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      messageKey: 'event',
      errorKey: 'error',
      serializers: { error: serializeError, err: serializeError, req: stdSerializers.req },
      hooks: { streamWrite: redactText },
    },
    options.destination ?? process.stderr,
  );
}

/** Text with the password of every URL in it cut out; a line of JSON stays one. */
export function redactText(text: string): string {
  return text.replace(URL_PASSWORD, '$1:[redacted]@').replace(PARAMETER_PASSWORD, '$1[redacted]');
}

function serializeError(thrown: unknown, depth = 0): Record<string, unknown> {
  if (!(thrown instanceof Error)) return { message: String(thrown) };
  const known = thrown instanceof AppError ? { code: thrown.code, retry: thrown.retry, context: thrown.context } : {};
  return {
    type: thrown.name,
    message: messageOf(thrown),
    ...known,
    ...(thrown.stack === undefined ? {} : { stack: thrown.stack }),
    ...(thrown.cause === undefined || depth >= 4 ? {} : { cause: serializeError(thrown.cause, depth + 1) }),
  };
}

/** A failed connection to a name with several addresses says what happened only in its parts. */
function messageOf(error: Error): string {
  if (!(error instanceof AggregateError)) return error.message;
  return [error.message, ...error.errors.map(String)].filter((text) => text !== '').join('; ');
}
