import { MonitorError } from '../errors.ts';

/** One series of a service's `/metrics`. */
export type Series = {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
};

export type ServiceTarget = { readonly name: string; readonly url: string };

const TEXT_CHARACTERS_MAX = 2_000_000;
const LINE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)(?: \d+)?$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"/g;

/** @throws {MonitorError} SERVICE_UNREACHABLE */
export async function scrape(target: ServiceTarget, timeoutMs: number): Promise<readonly Series[]> {
  try {
    const response = await fetch(new URL('/metrics', target.url), {
      signal: AbortSignal.timeout(timeoutMs),
      redirect: 'error',
    });
    if (!response.ok) throw new Error(`it answered ${response.status}`);
    return parseMetrics((await response.text()).slice(0, TEXT_CHARACTERS_MAX));
  } catch (cause) {
    throw new MonitorError('SERVICE_UNREACHABLE', { cause, context: { service: target.name } });
  }
}

/** Prometheus text; only series of our own, since those of the runtime are read by whoever scrapes it. */
export function parseMetrics(text: string): readonly Series[] {
  return text.split('\n').flatMap((line) => {
    if (!line.startsWith('tradestream_') || line.startsWith('tradestream_nodejs_')) return [];
    const [, name, labels = '', number] = LINE.exec(line) ?? [];
    const value = Number(number);
    if (name === undefined || !Number.isFinite(value)) return [];
    return [{ name, labels: parseLabels(labels), value }];
  });
}

function parseLabels(text: string): Readonly<Record<string, string>> {
  const pairs = [...text.matchAll(LABEL)].map(([, name = '', value = '']) => [
    name,
    value.replaceAll(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped)),
  ]);
  return Object.fromEntries(pairs);
}
