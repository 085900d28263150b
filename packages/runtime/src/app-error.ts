/** When the same work may be tried again: `settle` means that its outcome must be found out first. */
export type RetryClass = 'now' | 'later' | 'never' | 'settle';

export type ErrorEntry = {
  readonly retry: RetryClass;
  /** What happened, as the start of the message. */
  readonly summary: string;
  /** What the reader can do about it. */
  readonly advice: string;
};

export type ErrorTable = Readonly<Record<string, ErrorEntry>>;

export type AppErrorOptions = {
  readonly cause?: unknown;
  /** Figures and names that explain this one occurrence. Never secrets or row values. */
  readonly context?: Readonly<Record<string, unknown>>;
  readonly detail?: string;
};

/**
 * The base of every typed error. A package has one subclass and one table; the retry class comes
 * from the table, never from the place that throws.
 */
export abstract class AppError extends Error {
  readonly code: string;
  readonly retry: RetryClass;
  readonly advice: string;
  readonly context: Readonly<Record<string, unknown>>;

  constructor(table: ErrorTable, code: string, options: AppErrorOptions = {}) {
    const entry = table[code];
    invariant(entry !== undefined, `error code ${code} is not in its table`);
    super(messageOf(entry.summary, options), options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.retry = entry.retry;
    this.advice = entry.advice;
    this.context = Object.freeze({ ...options.context });
  }
}

/** Ends the process through the service's root when a state that cannot be is seen. */
export class Bug extends Error {
  override readonly name = 'Bug';
}

/** @throws {Bug} when the condition does not hold: a defect of the program, never of its input. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Bug(message);
}

/** Any thrown value as an Error. */
export function errorOf(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

function messageOf(summary: string, options: AppErrorOptions): string {
  const figures = Object.entries(options.context ?? {})
    .map(([name, value]) => `${name}=${String(value)}`)
    .join(' ');
  const detail = options.detail === undefined ? '' : `: ${options.detail}`;
  return figures === '' ? `${summary}${detail}` : `${summary}${detail} (${figures})`;
}
