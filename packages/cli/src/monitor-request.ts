import { errorOf } from '@tradestream/runtime';
import type { CliContext } from './cli-context.ts';
import { CliFailure } from './output/exit-code.ts';

const TIMEOUT_MS = 10_000;

/** What a schema of the contracts does with an answer. */
type Shape<T> = { parse(value: unknown): T };

/** One answer of the monitor, to a POST where a body is given. @throws {CliFailure} when it does not answer, or answers with a problem */
export async function askMonitor<T>(context: CliContext, path: string, shape: Shape<T>, given?: object): Promise<T> {
  const { url, token } = await context.monitor();
  let response: Response;
  let body: unknown;
  try {
    response = await fetch(new URL(path, url), {
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(given === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(given === undefined ? {} : { method: 'POST', body: JSON.stringify(given) }),
      signal: AbortSignal.any([context.signal, AbortSignal.timeout(TIMEOUT_MS)]),
    });
    body = await response.json();
  } catch (cause) {
    throw new CliFailure(`the monitor at ${url} does not answer: ${errorOf(cause).message}`, { cause });
  }
  if (!response.ok) throw new CliFailure(`the monitor answered ${response.status}: ${messageOf(body)}`);
  return shape.parse(body);
}

/** A path with those parameters that have a value. */
export function withQuery(path: string, query: Readonly<Record<string, string | number | undefined>>): string {
  const given = Object.entries(query).filter((entry): entry is [string, string | number] => entry[1] !== undefined);
  const text = new URLSearchParams(given.map(([name, value]): [string, string] => [name, String(value)])).toString();
  return text === '' ? path : `${path}?${text}`;
}

/** Code and title of a problem, and the advice where there is one: as the command line shows errors of its own. */
function messageOf(problem: unknown): string {
  if (typeof problem !== 'object' || problem === null) return 'no reason';
  const { code, title, advice }: { readonly code?: unknown; readonly title?: unknown; readonly advice?: unknown } =
    problem;
  if (typeof title !== 'string') return 'no reason'; // not the monitor's own
  return `${typeof code === 'string' ? `${code}: ` : ''}${title}${typeof advice === 'string' ? `\n  ${advice}` : ''}`;
}
