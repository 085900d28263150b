import { expect, test } from 'vitest';
import { crc32c } from './crc32c.ts';

test('the checksums are those that RFC 3720 gives as examples', () => {
  const ascending = Buffer.from(Array.from({ length: 32 }, (_, index) => index));
  expect(crc32c(Buffer.alloc(32), 0, 32)).toBe(0x8a9136aa);
  expect(crc32c(Buffer.alloc(32, 0xff), 0, 32)).toBe(0x62a8ab43);
  expect(crc32c(ascending, 0, 32)).toBe(0x46dd794e);
  expect(crc32c(Buffer.from('..123456789..'), 2, 11)).toBe(0xe3069283);
  expect(crc32c(ascending, 5, 5)).toBe(0);
});
