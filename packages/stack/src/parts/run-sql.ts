import { Client } from 'pg';

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
  const client = new Client({ connectionString: url, connectionTimeoutMillis: CONNECT_MS });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(async <Row extends object>(text: string) => (await client.query<Row>(text)).rows);
  } finally {
    await client.end();
  }
}
