import { openSession, type Session } from '@tradestream/database';
import { Scope } from '@tradestream/runtime';

export type SessionWorld = AsyncDisposable & {
  readonly url: string;
  readonly open: (changes?: Partial<Parameters<typeof openSession>[0]>) => Promise<Session>;
};

/** Sessions of one database that end with the test. */
export function openSessionWorld(url: string): SessionWorld {
  const scope = new Scope();
  return {
    url,
    open: async (changes = {}) =>
      scope.use(await openSession({ url, applicationName: 'session-test', connectTimeoutMs: 30_000, ...changes })),
    [Symbol.asyncDispose]: () => scope.close(),
  };
}

export async function valueOf(session: Session, text: string): Promise<unknown> {
  const { rows } = await session.query<{ value: unknown }>({ text: `SELECT ${text} AS value` });
  return rows[0]?.value;
}
