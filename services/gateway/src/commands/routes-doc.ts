import { problemAnswer, publishedAnswer, receiptAnswer } from '@tradestream/answers';
import { z } from 'zod';
import { routeSchema } from '../http/openapi.ts';

const amount = z
  .string()
  .regex(/^-?[0-9]+(\.[0-9]{1,18})?$/)
  .meta({ description: 'decimal with at most 18 digits after the point', example: '39432.48' });
const name = z.string().regex(/^[A-Za-z0-9._:-]{1,64}$/);
const asset = z.string().regex(/^[A-Z0-9]{2,12}$/);
const symbol = z
  .string()
  .regex(/^[\x20-\x7e]{1,64}$/)
  .meta({ example: 'BTC-USD' });
const id = { commandId: z.uuid().optional().meta({ description: 'made here when absent' }) };

/** For readers and generated clients; the door itself reads commands with the contract's own parser. */
const command = z.discriminatedUnion('type', [
  z.strictObject({ ...id, type: z.literal('DepositFunds'), userId: name, asset, amount }),
  z.strictObject({ ...id, type: z.literal('WithdrawFunds'), userId: name, asset, amount }),
  z.strictObject({
    ...id,
    type: z.literal('PlaceOrder'),
    orderId: name,
    userId: name,
    symbol,
    side: z.enum(['buy', 'sell']),
    price: amount,
    quantity: amount,
  }),
  z.strictObject({
    ...id,
    type: z.literal('AmendOrder'),
    orderId: name,
    symbol,
    price: amount.optional(),
    quantity: amount.optional(),
  }),
  z.strictObject({ ...id, type: z.literal('CancelOrder'), orderId: name, symbol }),
  z.strictObject({
    ...id,
    type: z.literal('ExecuteTrade'),
    tradeId: name,
    symbol,
    buyOrderId: name,
    sellOrderId: name,
    price: amount,
    quantity: amount,
    executedAt: z.iso.datetime({ offset: true, precision: 3 }),
  }),
]);

const idempotencyKey = z.uuid().optional().meta({ description: 'becomes the commandId; for one command only' });

export function commandsDoc(query: z.ZodType): Record<string, unknown> {
  return routeSchema({
    summary: 'Publish one command, an array of commands, or a stream of lines',
    description:
      'Nothing is accepted that cannot be published. Each item of an array or stream is answered in its place; a bad item is its problem object and hides no good one. A stream is read no faster than its answers are taken.',
    tag: 'commands',
    query,
    headers: z.object({ 'idempotency-key': idempotencyKey, traceparent: z.string().optional() }),
    body: {
      'application/json': z.union([command, z.array(command)]),
      'application/x-ndjson': z.string().meta({ description: 'one command a line' }),
    },
    answers: {
      200: {
        'application/json': z.union([receiptAnswer, z.array(z.union([receiptAnswer, problemAnswer]))]),
        'application/x-ndjson': z.string().meta({ description: 'a receipt or a problem for each line' }),
      },
      202: {
        'application/json': z.union([publishedAnswer, z.array(z.union([publishedAnswer, problemAnswer]))]),
        'application/x-ndjson': z.string().meta({ description: 'a place or a problem for each line' }),
      },
    },
    problems: {
      400: 'MALFORMED_COMMAND with field and rule, INVALID_PARAMETER',
      409: 'CONFLICT: with `wait`, the id already stands for another payload',
      408: 'BODY_TIMEOUT',
      413: 'BODY_TOO_LARGE, COMMAND_TOO_LARGE, BATCH_TOO_LARGE',
      415: 'UNSUPPORTED_MEDIA_TYPE',
      422: 'IDEMPOTENCY_KEY_MISMATCH',
      503: 'BROKER_UNAVAILABLE, REGISTRY_UNAVAILABLE, OVERLOADED, SHUTTING_DOWN; with Retry-After',
      504: 'WAIT_TIMEOUT: the command stands and was not seen in time',
    },
  });
}
