import { errorOf, type Logger } from '@tradestream/runtime';
import type { NodeLink } from '../sources/node-link.ts';
import type { Alert } from './alert.ts';

/** An alert with the names of the receivers that are to be told of it, and that took each of the two. */
export type StoredAlert = {
  readonly alert: Alert;
  readonly due: readonly string[];
  readonly toldFiring: readonly string[];
  readonly toldResolved: readonly string[];
};

export type Silence = {
  readonly id: string;
  readonly matchers: Readonly<Record<string, string>>;
  readonly until: string;
  readonly createdAt: string;
  readonly createdBy: string;
  readonly why: string;
};

const RESOLVED_KEPT = 200;
/** Changes that wait for the database; beyond it the oldest is given up, and the log has said it. */
const WAITING_MAX = 5_000;

const SAVE = `
  INSERT INTO monitor.alerts (fingerprint, name, severity, summary, runbook, labels, starts_at, ends_at, due, told_firing, told_resolved)
  VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7::timestamptz, $8::timestamptz, $9, $10, $11)
  ON CONFLICT (fingerprint, starts_at)
  DO UPDATE SET summary = excluded.summary, ends_at = excluded.ends_at, due = excluded.due,
    told_firing = excluded.told_firing, told_resolved = excluded.told_resolved`;
const LOAD = `
  SELECT fingerprint, name, severity, summary, runbook, labels, starts_at AS "startsAt", ends_at AS "endsAt",
    due, told_firing AS "toldFiring", told_resolved AS "toldResolved"
  FROM monitor.alerts WHERE ends_at IS NULL
  UNION ALL
  (SELECT fingerprint, name, severity, summary, runbook, labels, starts_at, ends_at, due, told_firing, told_resolved
   FROM monitor.alerts WHERE ends_at IS NOT NULL ORDER BY ends_at DESC LIMIT ${RESOLVED_KEPT})`;

type Row = Omit<StoredAlert, 'alert'> &
  Omit<Alert, 'startsAt' | 'endsAt' | 'state'> & {
    readonly startsAt: Date;
    readonly endsAt: Date | null;
  };

/** Alerts and silences in the database. Changes wait here while it is away: an alert does not depend on it. */
export class AlertStore {
  readonly #link: () => NodeLink | null;
  readonly #log: Logger;
  readonly #waiting = new Map<string, StoredAlert>();
  #flushing: Promise<void> | null = null;

  constructor(link: () => NodeLink | null, log: Logger) {
    this.#link = link;
    this.#log = log;
  }

  /** What fires, and what was resolved last, newest first. @throws {DatabaseError} */
  async load(): Promise<readonly StoredAlert[]> {
    const rows = (await this.#link()?.query<Row>({ text: LOAD })) ?? [];
    return rows.map(({ startsAt, endsAt, due, toldFiring, toldResolved, ...rest }) => ({
      alert: {
        ...rest,
        state: endsAt === null ? 'firing' : 'resolved',
        startsAt: startsAt.toISOString(),
        endsAt: endsAt?.toISOString() ?? null,
      },
      due,
      toldFiring,
      toldResolved,
    }));
  }

  save(stored: StoredAlert): void {
    const key = `${stored.alert.fingerprint}/${stored.alert.startsAt}`;
    this.#waiting.delete(key);
    this.#waiting.set(key, stored);
    if (this.#waiting.size > WAITING_MAX) this.#waiting.delete(this.#waiting.keys().next().value ?? '');
  }

  /** Writes what waits, in order; called at every evaluation. */
  flush(): Promise<void> {
    this.#flushing ??= this.#flush().finally(() => {
      this.#flushing = null;
    });
    return this.#flushing;
  }

  async silences(): Promise<readonly Silence[]> {
    const rows = await this.#link()?.query<Omit<Silence, 'until' | 'createdAt'> & { until: Date; createdAt: Date }>({
      text: `SELECT id, matchers, until, created_at AS "createdAt", created_by AS "createdBy", why
             FROM monitor.silences WHERE until > now() ORDER BY until`,
    });
    return (rows ?? []).map((row) => ({
      ...row,
      until: row.until.toISOString(),
      createdAt: row.createdAt.toISOString(),
    }));
  }

  /** One statement, with its audit row. */
  async addSilence({ id, matchers, until, createdBy, why }: Omit<Silence, 'createdAt'>): Promise<void> {
    await this.#link()?.query({
      text: `WITH noted AS (INSERT INTO ledger.audit (actor, action, why, details) VALUES ($4, 'silence', $5, $2::jsonb))
             INSERT INTO monitor.silences (id, matchers, until, created_by, why) VALUES ($1, $2::jsonb, $3, $4, $5)`,
      values: [id, JSON.stringify(matchers), until, createdBy, why],
    });
  }

  async endSilence(id: string, actor: string): Promise<boolean> {
    const rows = await this.#link()?.query({
      text: `WITH ended AS (UPDATE monitor.silences SET until = now() WHERE id = $1 AND until > now() RETURNING matchers),
             noted AS (INSERT INTO ledger.audit (actor, action, why, details)
                       SELECT $2, 'unsilence', 'ended by hand', matchers FROM ended)
             SELECT matchers FROM ended`,
      values: [id, actor],
    });
    return (rows?.length ?? 0) > 0;
  }

  async #flush(): Promise<void> {
    const link = this.#link();
    if (link === null) return;
    try {
      for (const [key, stored] of this.#waiting) {
        await link.query({ text: SAVE, values: valuesOf(stored) });
        if (this.#waiting.get(key) === stored) this.#waiting.delete(key);
      }
    } catch (error) {
      this.#log.debug({ error: errorOf(error), waiting: this.#waiting.size }, 'alerts_not_stored');
    }
  }
}

function valuesOf({ alert, due, toldFiring, toldResolved }: StoredAlert): readonly unknown[] {
  const { fingerprint, name, severity, summary, runbook, labels, startsAt, endsAt } = alert;
  const fields = [fingerprint, name, severity, summary, runbook, JSON.stringify(labels), startsAt, endsAt];
  return [...fields, due, toldFiring, toldResolved];
}
