import { newCommandId, parseCommandJson, tradeCommandId } from '@tradestream/contracts';
import type { HttpProblem } from '@tradestream/runtime';
import type { TradeCommand } from '@tradestream/trading';
import { badRequest } from '../http/problems.ts';
import type { IdentifiedCommand } from './command-publisher.ts';

/** One item of a request at its index: a command with its id, or why it is none. */
export type CommandItem =
  | ({
      readonly ok: true;
      readonly index: number /** The id came with it. */;
      readonly hasOwnId: boolean;
    } & IdentifiedCommand)
  | { readonly ok: false; readonly index: number; readonly problem: HttpProblem };

/** An item from parsed JSON; `repeatedField` is a field that its text names twice. */
export function commandItem(value: unknown, index: number, repeatedField?: string): CommandItem {
  if (repeatedField !== undefined) return malformed(index, repeatedField, 'must occur once');
  const parsed = parseCommandJson(value);
  if (!parsed.ok) return malformed(index, parsed.field, parsed.rule);
  const { commandId, command } = parsed;
  return { ok: true, index, hasOwnId: commandId !== null, commandId: commandId ?? madeCommandId(command), command };
}

export function malformed(index: number, field: string, rule: string): CommandItem {
  return { ok: false, index, problem: badRequest('MALFORMED_COMMAND', field, rule) };
}

/** Made before the command is produced, so that whoever asks again can name it. */
function madeCommandId(command: TradeCommand): string {
  return command.type === 'ExecuteTrade' ? tradeCommandId(command.symbol, command.tradeId) : newCommandId();
}
