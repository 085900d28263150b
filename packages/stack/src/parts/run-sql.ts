import { openSession } from '@tradestream/database';

const CONNECT_MS = 5_000;

/** Runs statements one after the other in one session; the rows of the last. */
export async function runSql<Row extends object>(
  url: string,
  ...statements: readonly string[]
): Promise<readonly Row[]> {
  return await withSession(url, async (run) => {
    let rows: readonly Row[] = [];
    for (const text of statements) rows = await run<Row>(text);
    return rows;
  });
}

/** For work that must stay in one session. */
export async function withSession<T>(
  url: string,
  work: (run: <Row extends object>(text: string) => Promise<readonly Row[]>) => Promise<T>,
): Promise<T> {
  const session = await openSession({ url, applicationName: 'tradestream-stack', connectTimeoutMs: CONNECT_MS });
  try {
    return await work(async <Row extends object>(text: string) => (await session.query<Row>({ text })).rows);
  } finally {
    await session.close();
  }
}
