import { HttpProblem } from '@tradestream/runtime';

/** Seconds a client is told to stay away when what is missing is being reconnected to. */
const RETRY_AFTER_SECONDS = '1';

type Extra = Readonly<Record<string, unknown>>;

/** Refused at the door: not a command, or a parameter out of its rule. */
export function badRequest(
  code: 'MALFORMED_COMMAND' | 'INVALID_PARAMETER',
  field: string,
  rule: string,
  extra: Extra = {},
): HttpProblem {
  return new HttpProblem({ status: 400, code, title: `${field}: ${rule}`, extra: { field, rule, ...extra } });
}

/** Nothing was done, or its outcome is not known; the same request with the same ids may be sent again. */
export function unavailable(
  code: string,
  title: string,
  options: { readonly extra?: Extra; readonly cause?: unknown } = {},
): HttpProblem {
  return new HttpProblem({
    status: 503,
    code,
    title,
    headers: { 'retry-after': RETRY_AFTER_SECONDS },
    ...(options.extra === undefined ? {} : { extra: options.extra }),
    ...(options.cause === undefined ? {} : { cause: options.cause }),
  });
}

export function tooLarge(
  code: 'BODY_TOO_LARGE' | 'COMMAND_TOO_LARGE' | 'BATCH_TOO_LARGE',
  rule: string,
  extra: Extra = {},
): HttpProblem {
  // Of a larger body still the rest is not read, so the connection cannot be used again.
  const headers = { connection: 'close' };
  return new HttpProblem({ status: 413, code, title: rule, extra: { rule, ...extra }, headers });
}

export function notFound(code: 'RECEIPT_NOT_FOUND' | 'ORDER_NOT_FOUND', title: string, extra: Extra): HttpProblem {
  return new HttpProblem({ status: 404, code, title, extra });
}

export function idempotencyKey(rule: string): HttpProblem {
  return new HttpProblem({
    status: 422,
    code: 'IDEMPOTENCY_KEY_MISMATCH',
    title: `Idempotency-Key: ${rule}`,
    extra: { field: 'Idempotency-Key', rule },
  });
}

/** The id already stands for another payload; what stands there is its first command's outcome. */
export function conflict(commandId: string, extra: Extra = {}): HttpProblem {
  return new HttpProblem({
    status: 409,
    code: 'CONFLICT',
    title: `command ${commandId} already stands for another payload`,
    extra: { commandId, ...extra },
  });
}

/** The command stands and will get its outcome; it was only not seen in time. */
export function waitTimeout(commandId: string, stage: string, extra: Extra): HttpProblem {
  return new HttpProblem({
    status: 504,
    code: 'WAIT_TIMEOUT',
    title: `command ${commandId} was published and is not ${stage} yet`,
    extra: { commandId, ...extra },
  });
}

/** The same problem as the item `index` of a batch. */
export function atIndex(problem: HttpProblem, extra: Extra): Record<string, unknown> {
  return { ...problem.toJSON(), ...extra };
}
