import { createHash } from 'node:crypto';
import { amountFromNumeric, arrays, openSession, type Session } from '@tradestream/database';
import { Scope } from '@tradestream/runtime';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { createDatabase } from '../support/scratch.ts';

const scope = new Scope();
let session: Session;

beforeAll(async () => {
  const { url } = scope.use(await createDatabase(inject('endpoints'), 'binding'));
  session = scope.use(await openSession({ url, applicationName: 'binding', connectTimeoutMs: 30_000 }));
});

afterAll(async () => {
  await scope.close();
});

test('large binary parameters arrive as they are, among small ones, texts, numbers and nulls', async () => {
  const large = Buffer.alloc(300_000, 'ab\u0000c', 'latin1');
  const numbers = Array.from({ length: 50_000 }, (_, index) => index);
  for (const name of ['first', 'again'] as const) {
    const { rows } = await session.query<Record<string, string | null>>({
      name: 'large',
      text: `SELECT md5($1::bytea) AS large, $2::text AS text, $3::int + 1 AS number, $4::text AS none,
                    (SELECT sum(n)::text FROM unnest($5::bigint[]) AS n) AS sum, md5($6::bytea) AS small`,
      values: [large, `é ${name}`, 41, null, arrays.int8(numbers), Buffer.of(1)],
    });
    expect(rows).toEqual([
      {
        large: createHash('md5').update(large).digest('hex'),
        text: `é ${name}`,
        number: 42,
        none: null,
        sum: String(numbers.reduce((sum, number) => sum + number, 0)),
        small: createHash('md5').update(Buffer.of(1)).digest('hex'),
      },
    ]);
  }
});

describe('binary arrays', () => {
  test('every type comes back from the server as it was sent', async () => {
    const columns = {
      text: ['', 'plain', 'äöü € 😀', 'x'.repeat(50), null],
      bytes: [Buffer.of(0, 1, 255), Buffer.alloc(0), Buffer.from('abc'), Buffer.alloc(70_000, 7), null],
      int4: [0, -1, 2_147_483_647, -2_147_483_648, null],
      int8: [0n, -1n, 2n ** 63n - 1n, -(2n ** 63n), null],
      bool: [true, false, true, false, null],
      uuid: [
        '49e75fef-5dfc-5e81-864a-4a8d193687ca',
        '00000000-0000-0000-0000-000000000000',
        'ffffffff-ffff-ffff-ffff-ffffffffffff',
        '01234567-89ab-cdef-0123-456789abcdef',
        null,
      ],
      time: [0, 1, Date.UTC(2026, 0, 2) * 1_000 + 3, Date.UTC(2200, 11, 31) * 1_000, null],
    };
    const { rows } = await session.query({
      text: `SELECT text, bytes, int4, int8::text, bool, uuid::text, (extract(epoch FROM time) * 1000000)::bigint::text AS time
        FROM unnest($1::text[], $2::bytea[], $3::int4[], $4::int8[], $5::bool[], $6::uuid[], $7::timestamptz[])
          AS sent (text, bytes, int4, int8, bool, uuid, time)`,
      values: [
        arrays.text(columns.text),
        arrays.bytea(columns.bytes),
        arrays.int4(columns.int4),
        arrays.int8(columns.int8),
        arrays.bool(columns.bool),
        arrays.uuid(columns.uuid),
        arrays.timestamptzMicros(columns.time),
      ],
    });
    const sent = columns.text.map((text, index) => ({
      text,
      bytes: columns.bytes[index],
      int4: columns.int4[index],
      int8: columns.int8[index]?.toString() ?? null,
      bool: columns.bool[index],
      uuid: columns.uuid[index],
      time: columns.time[index]?.toString() ?? null,
    }));
    expect(rows).toEqual(sent);
  });

  test('amounts are the numbers that the server reads from their text, to the last digit', async () => {
    const limit = 10n ** 38n;
    const amounts = [0n, 1n, -1n, 10n ** 18n, -(10n ** 18n), limit - 1n, 1n - limit];
    for (let index = 0, seed = 1n; index < 5_000; index += 1) {
      seed = (seed * 6_364_136_223_846_793_005n + 1_442_695_040_888_963_407n) % 2n ** 128n;
      const magnitude = seed % 10n ** BigInt(1 + (index % 38));
      amounts.push(index % 2 === 0 ? magnitude : -magnitude);
    }
    const texts = amounts.map((amount) => {
      const digits = (amount < 0n ? -amount : amount).toString().padStart(19, '0');
      return `${amount < 0n ? '-' : ''}${digits.slice(0, -18)}.${digits.slice(-18)}`;
    });
    const { rows } = await session.query<{ shown: string; equal: boolean; scale: number }>({
      text: `SELECT sent::text AS shown, sent = written::numeric AS equal, scale(sent)
        FROM unnest($1::numeric[], $2::text[]) AS both_forms (sent, written)`,
      values: [arrays.numeric18(amounts), arrays.text(texts)],
    });
    expect(rows.filter((row) => !row.equal || row.scale !== 18)).toEqual([]);
    expect(rows.map((row) => amountFromNumeric(row.shown))).toEqual(amounts);
  });

  test('an array without elements is no row', async () => {
    const { rowCount } = await session.query({
      text: 'SELECT FROM unnest($1::text[], $2::numeric[])',
      values: [arrays.text([]), arrays.numeric18([])],
    });
    expect(rowCount).toBe(0);
  });
});
