import { commandHeaders, encodeCommand, frame, newCommandId } from '@tradestream/contracts';
import { type TradeCommand, UNIT } from '@tradestream/trading';

export type PoisonRecord = {
  readonly name: string;
  readonly reason: string;
  readonly key: string | null;
  readonly value: Buffer | null;
};

export function deposit(userId: string, amount: string): TradeCommand {
  return { type: 'DepositFunds', userId, asset: 'USD', amount: BigInt(amount) * UNIT };
}

export function encodeRaw(command: TradeCommand): Buffer {
  return encodeCommand({ commandId: newCommandId(), command });
}

/** What hostile or broken producers send, each with the reason under which it is parked. */
export function POISON(schemaId: number): readonly PoisonRecord[] {
  const good = encodeRaw(deposit('eve', '1'));
  const framed = (payload: Buffer) => frame(schemaId, payload);
  const command = (value: TradeCommand) => framed(encodeRaw(value));
  const order = { type: 'CancelOrder', orderId: 'o-1', symbol: 'BTC-USD' } as const;
  const trade = {
    type: 'ExecuteTrade',
    tradeId: 't-1',
    symbol: 'BTC-USD',
    buyOrderId: 'b',
    sellOrderId: 's',
    price: UNIT,
    quantity: UNIT,
  } as const;
  const wrongMagic = Buffer.from(framed(good));
  wrongMagic[0] = 7;
  return [
    { name: 'bad magic byte', reason: 'BAD_MAGIC', key: 'user:eve', value: wrongMagic },
    { name: 'unknown schema id', reason: 'SCHEMA_UNKNOWN', key: 'user:eve', value: frame(987_654, good) },
    { name: 'truncated value', reason: 'UNDECODABLE', key: 'user:eve', value: framed(good.subarray(0, -3)) },
    { name: '60 kB of noise', reason: 'UNDECODABLE', key: 'user:eve', value: framed(noise(60_000)) },
    { name: 'null value', reason: 'NULL_VALUE', key: 'user:eve', value: null },
    {
      name: '5-byte array bomb',
      reason: 'SCHEMA_UNKNOWN',
      key: 'user:eve',
      value: Buffer.from([0x00, 0x80, 0x80, 0x80, 0x40]),
    },
    {
      name: 'array bomb in a frame',
      reason: 'UNDECODABLE',
      key: 'user:eve',
      value: framed(Buffer.from([0x80, 0x80, 0x80, 0x40])),
    },
    {
      name: 'order id of 100 kB',
      reason: 'TOO_LARGE',
      key: 'BTC-USD',
      value: command({ ...order, orderId: 'x'.repeat(100_000) }),
    },
    {
      name: 'order id of 1 kB',
      reason: 'MALFORMED',
      key: 'BTC-USD',
      value: command({ ...order, orderId: 'x'.repeat(1_000) }),
    },
    { name: 'NUL bytes', reason: 'MALFORMED', key: 'user:e\u0000e', value: command(deposit('e\u0000e', '1')) },
    { name: 'an amount of 10^25', reason: 'MALFORMED', key: 'user:eve', value: bigAmount(schemaId) },
    { name: 'the year 300000', reason: 'MALFORMED', key: 'BTC-USD', value: yearOf300000(schemaId, trade) },
    {
      name: "a key that is not the command's",
      reason: 'KEY_MISMATCH',
      key: 'user:bob',
      value: command(deposit('eve', '1')),
    },
    { name: 'no key', reason: 'KEY_MISMATCH', key: null, value: command(deposit('eve', '1')) },
  ];
}

/** A command id in the header that is not the one in the value. */
export function foreignId(schemaId: number): { readonly value: Buffer; readonly headers: Record<string, string> } {
  const headers = commandHeaders({
    commandId: newCommandId(),
    type: 'DepositFunds',
    source: '/test',
    timeMs: Date.now(),
  });
  return { value: frame(schemaId, encodeRaw(deposit('eve', '1'))), headers };
}

function noise(bytes: number): Buffer {
  const made = Buffer.alloc(bytes);
  let state = 1;
  for (let index = 0; index < bytes; index += 1) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    made[index] = state >>> 24;
  }
  return made;
}

/** The bytes of a deposit whose amount no encoder of ours would write. */
function bigAmount(schemaId: number): Buffer {
  const marker = encodeRaw({ type: 'DepositFunds', userId: 'eve', asset: 'USD', amount: 0x7edcba9876543210n });
  const at = marker.indexOf(Buffer.from('7edcba9876543210', 'hex'));
  const amount = (10n ** 25n * UNIT).toString(16);
  const bytes = Buffer.from(amount.length % 2 === 0 ? amount : `0${amount}`, 'hex');
  const padded = (bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes;
  return frame(
    schemaId,
    Buffer.concat([marker.subarray(0, at - 1), Buffer.from([padded.length * 2]), padded, marker.subarray(at + 8)]),
  );
}

function yearOf300000(
  schemaId: number,
  trade: Omit<Extract<TradeCommand, { type: 'ExecuteTrade' }>, 'executedAt'>,
): Buffer {
  const first = encodeRaw({ ...trade, executedAt: 0 });
  const micros = BigInt(Date.UTC(275_000, 0, 1)) * 1_000n + 25_000n * 31_556_952_000_000n;
  const zigzag = micros * 2n;
  const varint: number[] = [];
  for (let rest = zigzag; ; rest >>= 7n) {
    varint.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0));
    if (rest <= 0x7fn) break;
  }
  return frame(schemaId, Buffer.concat([first.subarray(0, -1), Buffer.from(varint)]));
}
