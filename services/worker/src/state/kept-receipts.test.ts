import { createHash, randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { KeptReceipts } from './kept-receipts.ts';
import type { KnownReceipt } from './receipt-table.ts';

test('a receipt is read as it was set, whatever its hash, place and edit', () => {
  const byte = fc.integer({ min: 0, max: 255 });
  const hash = fc.array(byte, { minLength: 32, maxLength: 32 }).map((bytes) => String.fromCharCode(...bytes));
  const receipt = fc.record(
    {
      hash,
      editedHash: hash,
      partition: fc.nat({ max: 100_000 }),
      offset: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
    },
    { requiredKeys: ['hash', 'partition', 'offset'] },
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.uuid(), receipt), { maxLength: 50 }), (given) => {
      const kept = new KeptReceipts(100);
      for (const [id, value] of given) kept.set(id, value);
      for (const [id, value] of new Map(given)) expect(kept.get(id)).toEqual(value);
    }),
  );
});

test('it does what a map does under any order of calls, within a generation', () => {
  const ids = Array.from({ length: 12 }, () => randomUUID());
  const call = fc.record({ verb: fc.constantFrom('set', 'delete', 'get'), at: fc.nat({ max: 11 }), offset: fc.nat() });
  fc.assert(
    fc.property(fc.array(call, { maxLength: 60 }), (calls) => {
      const kept = new KeptReceipts(100);
      const model = new Map<string, KnownReceipt>();
      for (const { verb, at, offset } of calls) {
        const id = ids[at] ?? '';
        if (verb === 'delete') {
          kept.delete(id);
          model.delete(id);
        } else if (verb === 'set') {
          kept.set(id, receiptOf(id, offset));
          model.set(id, receiptOf(id, offset));
        } else {
          expect(kept.get(id)).toEqual(model.get(id));
        }
      }
      for (const id of ids) expect(kept.get(id)).toEqual(model.get(id));
    }),
  );
});

test('a full generation becomes the old one: the latest are there, the first are forgotten, what is asked for stays', () => {
  const kept = new KeptReceipts(1_000);
  const ids = Array.from({ length: 3_000 }, () => randomUUID());
  const first = ids[0] ?? '';
  for (const [offset, id] of ids.entries()) {
    kept.set(id, receiptOf(id, offset));
    if (offset % 500 === 0) expect(kept.get(first)?.offset).toBe(0);
  }
  for (const [offset, id] of ids.entries()) {
    if (offset >= 2_000) expect(kept.get(id)).toEqual(receiptOf(id, offset));
  }
  expect(ids.slice(1, 900).filter((id) => kept.get(id) !== undefined)).toEqual([]);
});

test('deleting and setting without end neither fills it nor loses anything', () => {
  const kept = new KeptReceipts(64);
  const stays = randomUUID();
  for (let round = 0; round < 1_000; round += 1) {
    kept.set(stays, receiptOf(stays, round));
    const passing = randomUUID();
    kept.set(passing, receiptOf(passing, round));
    kept.delete(passing);
    expect(kept.get(passing)).toBeUndefined();
    expect(kept.get(stays)?.offset).toBe(round);
  }
});

test('cleared, it knows nobody, and an edit is not remembered of a receipt set anew', () => {
  const kept = new KeptReceipts(10);
  const id = randomUUID();
  kept.set(id, { ...receiptOf(id, 1), editedHash: hashOf('edited') });
  expect(kept.get(id)?.editedHash).toBe(hashOf('edited'));
  kept.set(id, receiptOf(id, 1));
  expect(kept.get(id)).toEqual(receiptOf(id, 1));
  kept.clear();
  expect(kept.get(id)).toBeUndefined();
});

function receiptOf(id: string, offset: number): KnownReceipt {
  return { hash: hashOf(id), partition: offset % 7, offset };
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest().toString('latin1');
}
