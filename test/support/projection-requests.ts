import { randomUUID } from 'node:crypto';
import { eventually } from './eventually.ts';
import type { LedgerWorld } from './ledger-world.ts';

export type AskedKind = 'rebuild' | 'verify' | 'repair' | 'rollback' | 'drop-kept';

export type RequestRow = {
  readonly state: 'waiting' | 'running' | 'done' | 'failed' | 'cancelled';
  readonly phase: string | null;
  readonly runs: number;
  readonly done: number;
  readonly total: number | null;
  readonly error: string | null;
  readonly result: {
    readonly version?: number;
    readonly count?: number;
    readonly changed?: boolean;
    readonly rows?: number;
    readonly eventsPerSecond?: number;
    readonly differences?: readonly {
      readonly key: string;
      readonly kind: string;
      readonly columns: readonly string[];
    }[];
    readonly live?: { readonly count: number; readonly differences: readonly { readonly key: string }[] } | null;
  } | null;
};

type World = Pick<LedgerWorld, 'rows'>;

/** Writes a request as the monitor does; answers with its id. */
export async function request(world: World, kind: AskedKind, projection: string, key?: string): Promise<string> {
  const id = randomUUID();
  await world.rows(
    `INSERT INTO views.requests (id, kind, projection, key, actor, why) VALUES ($1, $2, $3, $4, 'test', 'asked by a test')`,
    [id, kind, projection, key ?? null],
  );
  return id;
}

export async function requestRow(world: World, id: string): Promise<RequestRow> {
  const [row] = await world.rows<RequestRow>(
    'SELECT state, phase, runs, done::int AS done, total::int AS total, error, result FROM views.requests WHERE id = $1',
    [id],
  );
  if (row === undefined) throw new Error(`no request ${id}`);
  return row;
}

/** Resolves when the request has ended, however it did. */
export async function ended(world: World, id: string): Promise<RequestRow> {
  return await eventually(
    async () => {
      const row = await requestRow(world, id);
      if (row.state === 'waiting' || row.state === 'running') throw new Error(`${row.state}: ${row.phase}`);
      return row;
    },
    { withinMs: 60_000 },
  );
}

/** Asks and waits for the end. */
export async function ask(world: World, kind: AskedKind, projection: string, key?: string): Promise<RequestRow> {
  return await ended(world, await request(world, kind, projection, key));
}
