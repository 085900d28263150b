import {
  ContractError,
  decodeCommand,
  payloadHash,
  readFrame,
  resolveCommandId,
  type WriterSchema,
} from '@tradestream/contracts';
import type { LogRecord } from '@tradestream/messaging';
import type { TradeCommand } from '@tradestream/trading';
import { idHeaderOf } from './id-header.ts';
import { keyOf } from './model/asked-by.ts';

/** A record of the commands topic: the command that it is, or why it is none. */
export type ReadRecord =
  | { readonly commandId: string; readonly hash: Buffer }
  | { readonly commandId: null; readonly why: string };

const ID = /^[\w.:-]{1,64}$/;
const ASSET = /^[A-Z\d]{2,12}$/;
const SYMBOL = /^[ -~]{1,64}$/;
const AMOUNT_LIMIT = 10n ** 38n;
const YEAR_2201 = Date.UTC(2201, 0) * 1_000;

/** Reads a record by the rules of domain.md, with the schemas that the ledger has kept. */
export function readCommand(
  record: LogRecord,
  options: { readonly schemas: ReadonlyMap<number, WriterSchema>; readonly clusterId: string },
): ReadRecord {
  const none = (why: string): ReadRecord => ({ commandId: null, why });
  const { value, key, topic, partition, offset, timestampMs } = record;
  if (value === null) return none('it has no value');
  try {
    const { schemaId, payload } = readFrame(value);
    const schema = options.schemas.get(schemaId);
    if (schema === undefined) return none(`the ledger knows no schema ${schemaId}`);
    const { commandId: given, command } = decodeCommand(payload, schema);
    const wrong = findMalformed(command);
    if (wrong !== null) return none(`its ${wrong} is malformed`);
    if (key?.toString('utf8') !== keyOf(command)) return none(`its key is not ${keyOf(command)}`);
    const place = { clusterId: options.clusterId, topic, partition, offset, timestampMs };
    const id = resolveCommandId({ commandId: given, ceId: idHeaderOf(record), command, record: place });
    return id.ok ? { commandId: id.commandId, hash: payloadHash(command) } : none(`its ${id.field} is not ${id.rule}`);
  } catch (error) {
    if (error instanceof ContractError && error.retry === 'never') return none(error.code);
    throw error;
  }
}

/** The field that no command may have. */
function findMalformed(command: TradeCommand): string | null {
  for (const [field, value] of Object.entries(command)) {
    if (field === 'type' || field === 'side') continue;
    if (typeof value === 'bigint' && (value >= AMOUNT_LIMIT || value <= -AMOUNT_LIMIT)) return field;
    if (typeof value === 'number' && !(value >= 0 && value < YEAR_2201)) return field;
    if (typeof value === 'string' && !patternOf(field).test(value)) return field;
  }
  return null;
}

function patternOf(field: string): RegExp {
  if (field === 'asset') return ASSET;
  return field === 'symbol' ? SYMBOL : ID;
}
