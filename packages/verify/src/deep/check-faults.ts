import { type AlertAnswer, alertAnswer } from '@tradestream/answers';
import { parseTime } from '@tradestream/contracts';
import { readJournal } from './journal.ts';

export type FaultOptions = {
  /** A file with one JSON object a line: `{"fault", "alert", "from", "until"}`, times in ISO 8601 with Z or an offset. */
  readonly faults: string;
  readonly monitor: { readonly url: string; readonly token?: string | undefined };
  readonly signal: AbortSignal;
};

export type FaultFindings = { readonly faults: number; readonly broken: readonly string[] };

type FaultEntry = {
  readonly fault: string;
  readonly alert: string;
  readonly fromMs: number;
  readonly untilMs: number;
};

const ANSWER_MS = 10_000;

/**
 * Each fault was told while it lasted: an alert of the name that it must raise was firing then. The
 * monitor remembers the 200 alerts that were resolved last.
 * @throws {VerifyError} FAULTS_UNREADABLE
 */
export async function checkFaults({ faults, monitor, signal }: FaultOptions): Promise<FaultFindings> {
  const entries = await readJournal(faults, { code: 'FAULTS_UNREADABLE', entryOf: faultOf });
  const alerts = await alertsOf(monitor, signal);
  const untold = entries.filter((entry) => !alerts.some((alert) => tells(alert, entry)));
  return {
    faults: entries.length,
    broken: untold.map(
      ({ fault, alert, fromMs }) => `${fault} at ${new Date(fromMs).toISOString()} raised no ${alert}`,
    ),
  };
}

function tells({ name, startsAt, endsAt }: AlertAnswer, { alert, fromMs, untilMs }: FaultEntry): boolean {
  if (name !== alert || Date.parse(startsAt) > untilMs) return false;
  return endsAt === null || Date.parse(endsAt) >= fromMs;
}

async function alertsOf(monitor: FaultOptions['monitor'], signal: AbortSignal): Promise<readonly AlertAnswer[]> {
  const response = await fetch(new URL('/v1/alerts', monitor.url), {
    headers: monitor.token === undefined ? {} : { authorization: `Bearer ${monitor.token}` },
    signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]),
  });
  if (!response.ok) throw new Error(`/v1/alerts answered ${response.status}`);
  const { items } = (await response.json()) as { readonly items: unknown }; // each item is looked at
  return alertAnswer.array().parse(items);
}

function faultOf({ fault, alert, from, until }: Readonly<Record<string, unknown>>): FaultEntry | null {
  if (![fault, alert, from, until].every((field) => typeof field === 'string')) return null;
  const [fromMs, untilMs] = [msOf(String(from)), msOf(String(until))];
  return fromMs <= untilMs ? { fault: String(fault), alert: String(alert), fromMs, untilMs } : null;
}

/** NaN for what is no time. */
function msOf(text: string): number {
  return (parseTime(text) ?? Number.NaN) / 1_000;
}
