import { readFileSync } from 'node:fs';
import { type CommandMessage, encodeCommand, encodeEvent } from '@tradestream/contracts';
import type { EventEnvelope } from '@tradestream/trading';

export type GoldenMessage = { readonly name: string } & (
  | { readonly schema: 'trade-command'; readonly message: CommandMessage }
  | { readonly schema: 'trade-event'; readonly message: EventEnvelope }
);

const AMOUNTS = new Set(['amount', 'price', 'quantity', 'cost', 'available', 'held', 'filled', 'hold']);

/** The messages that the golden file was made from, amounts as bigints. */
export function goldenMessages(): readonly GoldenMessage[] {
  return readJson<readonly GoldenMessage[]>('messages.json', (name, value) =>
    AMOUNTS.has(name) && typeof value === 'string' ? BigInt(value) : value,
  );
}

/** A file of this folder. The files are ours, so their shape is as the caller says. */
export function readJson<T>(file: string, revive?: (name: string, value: unknown) => unknown): T {
  return JSON.parse(readFileSync(new URL(file, import.meta.url), 'utf8'), revive) as T;
}

export function productBytes(golden: GoldenMessage): string {
  const bytes = golden.schema === 'trade-command' ? encodeCommand(golden.message) : encodeEvent(golden.message);
  return bytes.toString('hex');
}
