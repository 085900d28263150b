import fc from 'fast-check';
import { expect, test } from 'vitest';
import { anyCommandMessage, anyEnvelope } from './arbitrary-messages.ts';
import { ByteReader } from './byte-reader.ts';
import { decodeCommand, encodeCommand } from './command-codec.ts';
import { decodeEvent, EventPack, encodeEvent } from './event-codec.ts';
import { libraryCommandBytes, libraryEventBytes } from './library-encoding.ts';
import { frame } from './wire-frame.ts';

/** Lone surrogates have no UTF-8: both sides write U+FFFD, and nothing can bring them back. */
const wellFormed = (value: unknown): boolean => {
  if (typeof value === 'string') return value.isWellFormed();
  return typeof value !== 'object' || value === null || Object.values(value).every(wellFormed);
};

test('a command has the bytes that the Avro library gives it', () => {
  fc.assert(
    fc.property(anyCommandMessage, (message) => {
      expect(encodeCommand(message).toString('hex')).toBe(libraryCommandBytes(message).toString('hex'));
    }),
    { numRuns: 1000 },
  );
});

test('an event has the bytes that the Avro library gives it', () => {
  fc.assert(
    fc.property(anyEnvelope, (envelope) => {
      expect(encodeEvent(envelope).toString('hex')).toBe(libraryEventBytes(envelope).toString('hex'));
    }),
    { numRuns: 1000 },
  );
});

test('a command comes back from its bytes as it was', () => {
  fc.assert(
    fc.property(anyCommandMessage.filter(wellFormed), (message) => {
      expect(decodeCommand(encodeCommand(message))).toStrictEqual(message);
    }),
    { numRuns: 1000 },
  );
});

test('an event comes back from its bytes as it was', () => {
  fc.assert(
    fc.property(anyEnvelope.filter(wellFormed), (envelope) => {
      expect(decodeEvent(encodeEvent(envelope))).toStrictEqual(envelope);
    }),
    { numRuns: 1000 },
  );
});

test('an event read for its balances or its orders alone is as it was, without the others', () => {
  fc.assert(
    fc.property(anyEnvelope.filter(wellFormed), (envelope) => {
      const { event } = envelope;
      const without = (none: object) => ({ ...envelope, event: 'orders' in event ? { ...event, ...none } : event });
      const bytes = encodeEvent(envelope);
      expect(decodeEvent(bytes, undefined, 'balances')).toStrictEqual(without({ orders: [] }));
      expect(decodeEvent(bytes, undefined, 'orders')).toStrictEqual(without({ balances: [] }));
    }),
    { numRuns: 1000 },
  );
});

test('a name is the text of its bytes, whatever was read before it', () => {
  const bytes = fc.array(fc.constantFrom(0x41, 0x42, 0xc3, 0xa9, 0xe9, 0xff), { maxLength: 18 });
  fc.assert(
    fc.property(fc.array(bytes, { maxLength: 40 }), (values) => {
      for (const each of values) {
        const value = Buffer.from([each.length * 2, ...each]);
        expect(new ByteReader(value).name('name')).toBe(new ByteReader(value).text('name'));
      }
    }),
    { numRuns: 500 },
  );
});

test('events packed before they have a batch number are their bytes, with a frame and without', () => {
  fc.assert(
    fc.property(fc.array(anyEnvelope, { maxLength: 5 }), (envelopes) => {
      const { timeline, batch } = { timeline: 3, batch: 2 ** 40 };
      const pack = new EventPack();
      for (const { partition, seq, ...content } of envelopes) pack.add({ partition, seq }, content);
      const wanted = envelopes.map((envelope) => encodeEvent({ ...envelope, timeline, batch }));
      const framed = pack.number({ timeline, batch, schemaId: 0x01020304 });
      expect(framed.count).toBe(envelopes.length);
      for (const [index, bytes] of wanted.entries()) {
        expect(framed.value(index).equals(frame(0x01020304, bytes))).toBe(true);
        const payload = Buffer.alloc(framed.payloadBytes(index) + 1);
        framed.writePayloadTo(index, payload, 1);
        expect(payload.subarray(1).equals(bytes)).toBe(true);
      }
    }),
  );
});

test('a large batch keeps its memory until it is released, and no later pack writes into it before', () => {
  const place = { partition: 1, seq: 2 };
  const [envelope] = fc.sample(anyEnvelope, { numRuns: 1, seed: 7 });
  if (envelope === undefined) throw new Error('a sample has one');
  const numbered = (count: number) => {
    const pack = new EventPack();
    for (let index = 0; index < count; index += 1) pack.add(place, envelope);
    return pack.number({ timeline: 1, batch: 1, schemaId: 1 });
  };
  const count = Math.ceil((256 * 1024) / encodeEvent(envelope).length);
  const large = numbered(count);
  const wanted = frame(1, encodeEvent({ ...envelope, ...place, timeline: 1, batch: 1 }));
  numbered(count).release();
  numbered(1);
  expect(large.bytesHeld).toBeGreaterThanOrEqual(256 * 1024);
  expect(numbered(1).bytesHeld).toBeLessThan(wanted.length + 4);
  expect([0, count - 1].map((index) => large.value(index).equals(wanted))).toEqual([true, true]);
  large.release();
  expect(() => large.value(0)).toThrow(/released/);
});

test('a message that cannot be encoded leaves nothing in the next one', () => {
  const good = { commandId: null, command: { type: 'CancelOrder', orderId: 'o', symbol: 'A' } } as const;
  const before = encodeCommand(good);
  const funds = { type: 'DepositFunds', userId: 'u', asset: 'USD' } as const;
  expect(() => encodeCommand({ commandId: null, command: { ...funds, amount: 10n ** 38n } })).toThrow(
    expect.objectContaining({ code: 'MALFORMED' }),
  );
  expect(encodeCommand(good).equals(before)).toBe(true);
});
