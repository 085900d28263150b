import { decodeCommand, decodeEvent } from '@tradestream/contracts';
import { describe, expect, test } from 'vitest';
import { type GoldenMessage, goldenMessages, productBytes, readJson } from './avro-golden/golden-messages.ts';

/** What Apache Avro's Java library wrote and read: see avro-golden/make-golden.java. */
type GoldenEntry = { readonly name: string; readonly hex: string; readonly blocked: string; readonly decoded: unknown };

const golden = new Map(readJson<readonly GoldenEntry[]>('golden.json').map((entry) => [entry.name, entry]));
const bytesThatJavaRead = readJson<Readonly<Record<string, string>>>('product-bytes.json');
const messages = goldenMessages();

const decode = (message: GoldenMessage, hex = '') =>
  message.schema === 'trade-command' ? decodeCommand(Buffer.from(hex, 'hex')) : decodeEvent(Buffer.from(hex, 'hex'));

const plain = (message: unknown): unknown =>
  JSON.parse(JSON.stringify(message, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)));

describe.each(messages.map((message) => [message.name, message] as const))('%s', (name, message) => {
  const entry = golden.get(name);

  test('the bytes of Apache Avro decode to the message', () => {
    expect(decode(message, entry?.hex)).toStrictEqual(message.message);
    expect(decode(message, entry?.blocked)).toStrictEqual(message.message);
  });

  test('the message encodes to the bytes of Apache Avro', () => {
    expect(productBytes(message)).toBe(entry?.hex);
  });

  test('Apache Avro decoded our bytes to the message', () => {
    expect(productBytes(message)).toBe(bytesThatJavaRead[name]);
    expect(entry?.decoded).toEqual(plain(message.message));
  });
});

test('every message has its golden entry', () => {
  expect([...golden.keys()]).toEqual(messages.map((message) => message.name));
});
