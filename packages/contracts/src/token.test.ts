import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeToken, encodeToken, mergeTokens, type Token } from './token.ts';

const anyToken: fc.Arbitrary<Token> = fc
  .record(
    {
      seqs: fc.dictionary(fc.nat(9).map(String), fc.maxSafeNat()),
      systemId: fc.constantFrom('7', '7301234567890123456'),
      timeline: fc.integer({ min: 1, max: 3 }),
      lsn: fc.constantFrom('0/1', '0/A0000000', '1/0', 'A/FFFFFFFF'),
    },
    { requiredKeys: ['seqs'], noNullPrototype: true },
  )
  .map((token) => ({ ...token, seqs: { ...token.seqs } }));

test('a token comes back from its text as it was', () => {
  fc.assert(
    fc.property(anyToken, (token) => {
      expect(decodeToken(encodeToken(token))).toEqual(token);
    }),
  );
});

test('tokens merge in any order, and merging twice changes nothing', () => {
  fc.assert(
    fc.property(anyToken, anyToken, anyToken, (a, b, c) => {
      expect(mergeTokens(a, b)).toEqual(mergeTokens(b, a));
      expect(mergeTokens(mergeTokens(a, b), c)).toEqual(mergeTokens(a, mergeTokens(b, c)));
      expect(mergeTokens(a, mergeTokens(a, b))).toEqual(mergeTokens(a, b));
    }),
  );
});

test('a merged token holds the highest seq of each partition and the later position', () => {
  const left = { seqs: { 0: 5, 1: 9 }, systemId: '7', timeline: 1, lsn: '2/0' };
  const right = { seqs: { 1: 3, 4: 1 }, systemId: '7', timeline: 2, lsn: '0/FF' };
  expect(mergeTokens(left, right)).toEqual({ seqs: { 0: 5, 1: 9, 4: 1 }, systemId: '7', timeline: 2, lsn: '0/FF' });
  expect(mergeTokens(left, { ...left, lsn: 'A/0' })).toMatchObject({ lsn: 'A/0' });
  expect(mergeTokens({ seqs: {} }, right)).toEqual(right);
});

test('whatever is no token is null', () => {
  const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const texts = [
    '',
    'not base64!',
    'e30',
    'x'.repeat(10_000),
    encoded(null),
    encoded([]),
    encoded({ s: [] }),
    encoded({ s: { a: 1 } }),
    encoded({ s: { 1: -1 } }),
    encoded({ s: { 1: 1.5 } }),
    encoded({ s: { 1: 2 ** 60 } }),
    encoded({ s: {}, i: 7 }),
    encoded({ s: {}, t: 'x' }),
    encoded({ s: {}, l: "0/0'; DROP" }),
    encoded({ s: Object.fromEntries(Array.from({ length: 1025 }, (_, index) => [index, 0])) }),
  ];
  for (const text of texts) expect(decodeToken(text)).toBeNull();
});

test('a name of the prototype in a token adds nothing to it', () => {
  const text = Buffer.from('{"s":{"__proto__":1}}').toString('base64url');
  expect(decodeToken(text)).toBeNull();
});
