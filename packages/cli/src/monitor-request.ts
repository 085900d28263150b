import { errorOf } from '@tradestream/runtime';
import type { CliContext } from './cli-context.ts';
import { CliFailure } from './output/exit-code.ts';

const TIMEOUT_MS = 10_000;

/** What a schema of the contracts does with an answer. */
type Shape<T> = { parse(value: unknown): T };

/** One answer of the monitor. @throws {CliFailure} when it does not answer, or answers with a problem */
export async function askMonitor<T>(context: CliContext, path: string, shape: Shape<T>): Promise<T> {
  const { url, token } = await context.monitor();
  let response: Response;
  let body: unknown;
  try {
    response = await fetch(new URL(path, url), {
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
      signal: AbortSignal.any([context.signal, AbortSignal.timeout(TIMEOUT_MS)]),
    });
    body = await response.json();
  } catch (cause) {
    throw new CliFailure(`the monitor at ${url} does not answer: ${errorOf(cause).message}`, { cause });
  }
  if (!response.ok) throw new CliFailure(`the monitor answered ${response.status}: ${titleOf(body)}`);
  return shape.parse(body);
}

function titleOf(problem: unknown): string {
  return typeof problem === 'object' && problem !== null && 'title' in problem ? String(problem.title) : 'no reason';
}
