import { errorOf, type Logger } from '@tradestream/runtime';
import { ContractError } from '../errors.ts';
import { TRADE_COMMAND_SCHEMA } from '../generated/trade-command.ts';
import { TRADE_EVENT_SCHEMA } from '../generated/trade-event.ts';
import type { SchemaIds, Schemas } from './schemas.ts';

/** A schema as the registry gave it, kept where it was used. */
export type StoredSchema = { readonly id: number; readonly schema: string };

/** What the ledger has kept of them, the latest first. */
const STORED_SCHEMAS = 'SELECT id, schema FROM ledger.schemas ORDER BY first_used_at DESC, id DESC';

/**
 * The ids of this release's schemas: as the registry gives them, or, with that away, those under which
 * both were used before. `askLedger` runs one statement on the ledger; that it cannot is no failure of its
 * own. Nothing is guessed: a schema is ours only if it says the same.
 * @throws {ContractError} REGISTRY_UNAVAILABLE when neither knows; SCHEMA_INCOMPATIBLE
 */
export async function ownSchemaIds(options: {
  readonly schemas: Schemas;
  readonly askLedger: (text: string) => Promise<readonly StoredSchema[]>;
  readonly log: Logger;
}): Promise<SchemaIds> {
  const { schemas, askLedger, log } = options;
  try {
    return await schemas.register();
  } catch (error) {
    if (!(error instanceof ContractError) || error.retry === 'never') throw error;
    const ids = findOwnIds(await askLedger(STORED_SCHEMAS).catch((failure: unknown) => unread(failure, log)));
    if (ids === null) throw error;
    log.warn({ error, ...ids }, 'started_without_registry');
    return ids;
  }
}

function unread(failure: unknown, log: Logger): readonly StoredSchema[] {
  log.debug({ error: errorOf(failure) }, 'stored_schemas_not_read');
  return [];
}

/** Null unless both are among them. */
export function findOwnIds(stored: readonly StoredSchema[]): SchemaIds | null {
  const command = stored.find(({ schema }) => isSame(schema, TRADE_COMMAND_SCHEMA));
  const event = stored.find(({ schema }) => isSame(schema, TRADE_EVENT_SCHEMA));
  return command && event ? { commandSchemaId: command.id, eventSchemaId: event.id } : null;
}

/** A registry may write the same schema with other spaces, and its attributes in another order. */
function isSame(stored: string, own: string): boolean {
  try {
    return canonical(JSON.parse(stored)) === canonical(JSON.parse(own));
  } catch {
    return false;
  }
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const fields = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1));
  return `{${fields.map(([name, of]) => `${JSON.stringify(name)}:${canonical(of)}`).join(',')}}`;
}
