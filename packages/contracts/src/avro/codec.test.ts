import fc from 'fast-check';
import { expect, test } from 'vitest';
import { anyCommandMessage, anyEnvelope } from './arbitrary-messages.ts';
import { ByteReader } from './byte-reader.ts';
import { decodeCommand, encodeCommand } from './command-codec.ts';
import { decodeEvent, EventPack, encodeEvent } from './event-codec.ts';
import { libraryCommandBytes, libraryEventBytes } from './library-encoding.ts';

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

test('events packed before they have a place are their bytes, each behind its length', () => {
  fc.assert(
    fc.property(fc.array(anyEnvelope, { maxLength: 5 }), (envelopes) => {
      const { timeline, batch } = { timeline: 3, batch: 2 ** 40 };
      const pack = new EventPack();
      for (const { partition, seq, ...content } of envelopes) pack.add({ partition, seq }, content);
      const wanted = envelopes.flatMap((envelope) => {
        const bytes = encodeEvent({ ...envelope, timeline, batch });
        const length = Buffer.alloc(4);
        length.writeInt32BE(bytes.length);
        return [length, bytes];
      });
      const joined = pack.join({ timeline, batch });
      expect(joined.bytes.equals(Buffer.concat(wanted))).toBe(true);
      for (const [index, envelope] of envelopes.entries()) {
        expect(joined.payload(index).equals(encodeEvent({ ...envelope, timeline, batch }))).toBe(true);
      }
    }),
  );
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
