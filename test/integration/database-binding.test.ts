import { createHash } from 'node:crypto';
import { arrays, openSession } from '@tradestream/database';
import { Scope } from '@tradestream/runtime';
import { expect, inject, test } from 'vitest';
import { createDatabase } from '../support/scratch.ts';

test('large binary parameters arrive as they are, among small ones, texts, numbers and nulls', async () => {
  await using scope = new Scope();
  const database = scope.use(await createDatabase(inject('endpoints'), 'binding'));
  const session = scope.use(
    await openSession({ url: database.url, applicationName: 'binding', connectTimeoutMs: 30_000 }),
  );
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
