import { openSession, type Session } from '@tradestream/database';
import type { Endpoints } from '@tradestream/stack';

const APPLICATION_NAME = 'tradestream-up';
const CONNECT_TIMEOUT_MS = 5_000;

/** Looks at the ledger and the views, with SQL of its own. */
export class Figures {
  readonly #session: Session;

  private constructor(session: Session) {
    this.#session = session;
  }

  static async open(endpoints: Endpoints): Promise<Figures> {
    return new Figures(await openReadOnly(endpoints.databaseUrl));
  }

  /** Events that some projection has not taken, over all partitions. */
  async projectionLag(): Promise<number> {
    const row = await this.#one<{ lag: string }>(`
      SELECT coalesce(sum(p.event_seq - coalesce(v.seq, 0)), 0)::text AS lag
      FROM ledger.partitions AS p
      LEFT JOIN (SELECT partition, min(seq) AS seq FROM views.positions GROUP BY partition) AS v USING (partition)
      WHERE p.event_seq > 0`);
    return Number(row.lag);
  }

  async tradeExecutedEvents(): Promise<number> {
    const row = await this.#one<{ count: string }>(
      `SELECT count(*)::text AS count FROM ledger.every_event WHERE type = 'TradeExecuted'`,
    );
    return Number(row.count);
  }

  close(): Promise<void> {
    return this.#session.close();
  }

  async #one<Row extends object>(text: string): Promise<Row> {
    const { rows } = await this.#session.query<Row>({ text });
    const [row] = rows;
    if (row === undefined) throw new Error('an aggregate answers with one row');
    return row;
  }
}

/** Whether the node replays another's changes, as it says itself. */
export async function roleOf(url: string): Promise<'primary' | 'replica'> {
  const session = await openReadOnly(url);
  try {
    const { rows } = await session.query<{ standby: boolean }>({ text: 'SELECT pg_is_in_recovery() AS standby' });
    return rows[0]?.standby === true ? 'replica' : 'primary';
  } finally {
    await session.close();
  }
}

async function openReadOnly(url: string): Promise<Session> {
  return await openSession({
    url,
    applicationName: APPLICATION_NAME,
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    settings: { default_transaction_read_only: 'on', statement_timeout: '60s' },
  });
}
