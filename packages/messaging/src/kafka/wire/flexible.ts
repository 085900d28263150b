import type { ByteReader } from './byte-reader.ts';

/** Base 128 without zigzag: lengths of the flexible versions (KIP-482). */
export function uvarint(reader: ByteReader): number {
  let value = 0;
  let scale = 1;
  for (;;) {
    const byte = reader.bytes(1)[0] ?? 0;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return value;
    scale *= 128;
    if (scale > 2 ** 35) throw new RangeError('a length has more than five bytes');
  }
}

/** Text whose length comes plus one; zero means that there is none. */
export function compactText(reader: ByteReader): string | null {
  const length = uvarint(reader);
  return length === 0 ? null : reader.bytes(length - 1).toString('utf8');
}

/** Items of an array whose count comes plus one. */
export function compactArray<T>(reader: ByteReader, item: () => T): T[] {
  const count = uvarint(reader) - 1;
  const items: T[] = [];
  for (let index = 0; index < count; index += 1) items.push(item());
  return items;
}

/** Tagged fields are additions that an older reader may leave alone. */
export function skipTags(reader: ByteReader): void {
  const count = uvarint(reader);
  for (let index = 0; index < count; index += 1) {
    uvarint(reader);
    reader.bytes(uvarint(reader));
  }
}
