/**
 * An answer of RFC 9457: thrown by a route, written as `application/problem+json`. `code` is stable
 * and is what clients branch on.
 */
export class HttpProblem extends Error {
  override readonly name = 'HttpProblem';
  readonly status: number;
  readonly code: string;
  /** Further members of the problem object. */
  readonly extra: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string>>;

  constructor(options: {
    readonly status: number;
    readonly code: string;
    readonly title: string;
    readonly extra?: Readonly<Record<string, unknown>>;
    readonly headers?: Readonly<Record<string, string>>;
    readonly cause?: unknown;
  }) {
    super(options.title, options.cause === undefined ? undefined : { cause: options.cause });
    this.status = options.status;
    this.code = options.code;
    this.extra = options.extra ?? {};
    this.headers = options.headers ?? {};
  }

  /** The problem as JSON: also used for single items of a batch. */
  toJSON(): Record<string, unknown> {
    return {
      type: `urn:tradestream:problem:${this.code}`,
      title: this.message,
      status: this.status,
      code: this.code,
      ...this.extra,
    };
  }
}
