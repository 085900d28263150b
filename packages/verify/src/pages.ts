import type { Session, Statement } from '@tradestream/database';

const PAGE_ROWS = 1_000;
let cursors = 0;

/**
 * The rows of a query, page by page, from a cursor in the session's transaction: the server keeps
 * the result, and makes the next page while this one is looked at.
 */
export async function* readPages<Row extends object>(
  session: Session,
  { text, values = [] }: Statement,
): AsyncGenerator<readonly Row[]> {
  const cursor = `verify_${(cursors += 1)}`;
  await session.query({ text: `DECLARE ${cursor} NO SCROLL CURSOR FOR ${text}`, values });
  const fetchPage = () => {
    const page = session.query<Row>({ text: `FETCH ${PAGE_ROWS} FROM ${cursor}` });
    page.catch(() => undefined); // awaited below, or given up with the transaction
    return page;
  };
  for (let next = fetchPage(); ; ) {
    const { rows } = await next;
    if (rows.length > 0) next = fetchPage();
    if (rows.length > 0) yield rows;
    if (rows.length < PAGE_ROWS) break;
  }
  await session.query({ text: `CLOSE ${cursor}` });
}

/**
 * Pairs each page with what `load` finds for it, one page after the other; the next one's is looked
 * up while this one is worked on.
 */
export async function* loadAhead<Page, Loaded>(
  pages: AsyncIterable<Page>,
  load: (page: Page) => Promise<Loaded>,
): AsyncGenerator<readonly [Page, Loaded]> {
  let pending: readonly [Page, Promise<Loaded>] | null = null;
  for await (const page of pages) {
    const ready: readonly [Page, Loaded] | null = pending === null ? null : [pending[0], await pending[1]];
    const loading = load(page);
    loading.catch(() => undefined); // awaited when its turn comes
    pending = [page, loading];
    if (ready !== null) yield ready;
  }
  if (pending !== null) yield [pending[0], await pending[1]];
}

/** All rows of a short answer. */
export async function loadRows<Row extends object>(
  session: Session,
  text: string,
  values: readonly unknown[] = [],
): Promise<readonly Row[]> {
  return (await session.query<Row>({ text, values })).rows;
}

/** An SQL expression for a time as whole microseconds since the epoch; a double holds them exactly. */
export function micros(column: string): string {
  return `(extract(epoch FROM ${column}) * 1000000)::float8`;
}
