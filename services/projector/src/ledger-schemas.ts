import type { Schemas, StoredSchema } from '@tradestream/contracts';
import { DatabaseError, type Session } from '@tradestream/database';
import { errorOf } from '@tradestream/runtime';
import { UNREADABLE } from './ledger-source.ts';

type OpenLedger = () => Promise<Session>;

/**
 * Schemas as the ledger kept them when they were used, and else as the registry has them: one that was
 * used is never forgotten, whatever the registry has lost. Where no ledger can be read the registry alone
 * is asked. A schema is asked for once, so each question has a connection of its own.
 */
export function withLedger(schemas: Schemas, openLedger: OpenLedger): Schemas {
  return {
    register: async () => await schemas.register(),
    schemaText: async (id) => {
      const stored = await loadText(id, openLedger).catch(errorOf);
      if (typeof stored === 'string') return stored;
      const text = await schemas.schemaText(id);
      // That nobody knows it is only said when both were asked.
      if (text === null && stored instanceof Error && !isUnreadable(stored)) throw stored;
      return text;
    },
  };
}

async function loadText(id: number, openLedger: OpenLedger): Promise<string | null> {
  const [row] = await ask<StoredSchema>(openLedger, 'SELECT id, schema FROM ledger.schemas WHERE id = $1', [id]);
  return row?.schema ?? null;
}

/** On a connection of its own. @throws {DatabaseError} */
export async function ask<Row extends object>(
  openLedger: OpenLedger,
  text: string,
  values: readonly unknown[] = [],
): Promise<readonly Row[]> {
  const session = await openLedger();
  try {
    return (await session.query<Row>({ text, values })).rows;
  } finally {
    await session.close();
  }
}

function isUnreadable(error: Error): boolean {
  return error instanceof DatabaseError && UNREADABLE.has(error.code);
}
