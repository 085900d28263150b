import { checkCommand, formatAmount, type TradeCommand } from '@tradestream/trading';
import type { CommandMessage } from './avro/command-message.ts';
import { formatTime } from './command-time.ts';
import { normaliseUuid } from './ids.ts';
import { type FieldProblem, JsonFields } from './json-fields.ts';

/** A command, or the field that keeps it from being one and the rule that the field breaks. */
export type ParsedCommand = ({ readonly ok: true } & CommandMessage) | ({ readonly ok: false } & FieldProblem);

const TYPES = 'DepositFunds, WithdrawFunds, PlaceOrder, AmendOrder, CancelOrder or ExecuteTrade';

/**
 * A command from parsed JSON, by the rules of the command form: it never throws, and what it lets
 * through is a command, also one that will be rejected. The id comes back in lower case.
 */
export function parseCommandJson(json: unknown): ParsedCommand {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return refused('command', 'a JSON object');
  const fields = new JsonFields(json);
  const givenId = fields.optionalText('commandId');
  const command = commandOf(fields.text('type'), fields);
  if (command === null) return refused('type', TYPES);
  const problem = fields.problem() ?? checkCommand(command);
  if (problem !== null) return refused(problem.field, problem.rule);
  const commandId = givenId === null ? null : normaliseUuid(givenId);
  if (givenId !== null && commandId === null) return refused('commandId', 'a UUID');
  return { ok: true, commandId, command };
}

/** The JSON form of a command, which `parseCommandJson` reads back; times are cut to milliseconds. */
export function commandToJson(message: CommandMessage): Record<string, string> {
  const { commandId, command } = message;
  return { ...(commandId === null ? {} : { commandId }), ...fieldsOf(command) };
}

function commandOf(type: string, fields: JsonFields): TradeCommand | null {
  switch (type) {
    case 'DepositFunds':
    case 'WithdrawFunds':
      return { type, userId: fields.text('userId'), asset: fields.text('asset'), amount: fields.amount('amount') };
    case 'PlaceOrder':
      return {
        type,
        orderId: fields.text('orderId'),
        userId: fields.text('userId'),
        symbol: fields.text('symbol'),
        side: fields.side('side'),
        price: fields.amount('price'),
        quantity: fields.amount('quantity'),
      };
    case 'AmendOrder':
      return {
        type,
        orderId: fields.text('orderId'),
        symbol: fields.text('symbol'),
        price: fields.optionalAmount('price'),
        quantity: fields.optionalAmount('quantity'),
      };
    case 'CancelOrder':
      return { type, orderId: fields.text('orderId'), symbol: fields.text('symbol') };
    case 'ExecuteTrade':
      return {
        type,
        tradeId: fields.text('tradeId'),
        symbol: fields.text('symbol'),
        buyOrderId: fields.text('buyOrderId'),
        sellOrderId: fields.text('sellOrderId'),
        price: fields.amount('price'),
        quantity: fields.amount('quantity'),
        executedAt: fields.time('executedAt'),
      };
  }
  return null;
}

function fieldsOf(command: TradeCommand): Record<string, string> {
  switch (command.type) {
    case 'DepositFunds':
    case 'WithdrawFunds':
      return { ...command, amount: formatAmount(command.amount) };
    case 'PlaceOrder':
      return { ...command, price: formatAmount(command.price), quantity: formatAmount(command.quantity) };
    case 'AmendOrder': {
      const { price, quantity, ...rest } = command;
      return {
        ...rest,
        ...(price === null ? {} : { price: formatAmount(price) }),
        ...(quantity === null ? {} : { quantity: formatAmount(quantity) }),
      };
    }
    case 'CancelOrder':
      return { ...command };
    case 'ExecuteTrade':
      return {
        ...command,
        price: formatAmount(command.price),
        quantity: formatAmount(command.quantity),
        executedAt: formatTime(command.executedAt),
      };
  }
}

function refused(field: string, rule: string): ParsedCommand {
  return { ok: false, field, rule };
}
