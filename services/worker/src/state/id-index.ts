import { randomInt } from 'node:crypto';
import { invariant } from '@tradestream/runtime';
import { copied } from './columns.ts';

const FIRST_CELLS = 128;
/** Cells for each id: fuller tables are searched longer. */
const ROOM = 1.5;
/** A cell is the hash of an id, and its number counted from 1; 0 is an empty cell. */
const CELL_WORDS = 2;
const FIRST_BYTES = 1_024;
const ASCII_MAX = 0x7f;
const MULTIPLIER = 0x9e37_79b1;

/** Of this process alone: nobody can choose ids that all meet in one place. */
const seed = randomInt(2 ** 32);

/**
 * Numbers ids in the order in which they come: 0, 1, 2 and so on. As texts in a map, hundreds of thousands
 * of ids are most of what the garbage collector looks at in each of its rounds; here they are three
 * pieces of memory that it does not look into. Ids are ASCII, and stay until all of it is dropped.
 */
export class IdIndex {
  #count = 0;
  #cells = new Int32Array(FIRST_CELLS * CELL_WORDS);
  #mask = FIRST_CELLS - 1;
  #bytes = new Uint8Array(FIRST_BYTES);
  /** Where each id begins in `#bytes`, and at the end where the next would. */
  #starts = new Uint32Array(FIRST_CELLS);

  get count(): number {
    return this.#count;
  }

  /** The number of an id; -1 when it has none. */
  find(id: string): number {
    const hash = hashOf(id);
    const cells = this.#cells;
    for (let cell = hash & this.#mask; ; cell = (cell + 1) & this.#mask) {
      const number = (cells[cell * CELL_WORDS + 1] ?? 0) - 1;
      if (number < 0 || (cells[cell * CELL_WORDS] === hash && this.#isAt(number, id))) return number;
    }
  }

  /** Gives an id that has none the next number. */
  add(id: string): number {
    const number = this.#count;
    if ((number + 1) * ROOM > this.#mask) this.#growCells();
    const start = this.#starts[number] ?? 0;
    if (start + id.length > this.#bytes.length) this.#growBytes(start + id.length);
    for (let at = 0; at < id.length; at += 1) {
      const code = id.charCodeAt(at);
      invariant(code <= ASCII_MAX, 'ids are ASCII');
      this.#bytes[start + at] = code;
    }
    this.#starts[number + 1] = start + id.length;
    this.#put(hashOf(id), number);
    this.#count += 1;
    return number;
  }

  #isAt(number: number, id: string): boolean {
    const start = this.#starts[number] ?? 0;
    if ((this.#starts[number + 1] ?? 0) - start !== id.length) return false;
    for (let at = 0; at < id.length; at += 1) {
      if (this.#bytes[start + at] !== id.charCodeAt(at)) return false;
    }
    return true;
  }

  #put(hash: number, number: number): void {
    let cell = hash & this.#mask;
    while (this.#cells[cell * CELL_WORDS + 1] !== 0) cell = (cell + 1) & this.#mask;
    this.#cells[cell * CELL_WORDS] = hash;
    this.#cells[cell * CELL_WORDS + 1] = number + 1;
  }

  #growCells(): void {
    const before = this.#cells;
    const cellCount = (this.#mask + 1) * 2;
    this.#mask = cellCount - 1;
    this.#cells = new Int32Array(cellCount * CELL_WORDS);
    this.#starts = copied(new Uint32Array(cellCount), this.#starts);
    for (let at = 0; at < before.length; at += CELL_WORDS) {
      const number = (before[at + 1] ?? 0) - 1;
      if (number >= 0) this.#put(before[at] ?? 0, number);
    }
  }

  #growBytes(bytesMin: number): void {
    const length = Math.max(this.#bytes.length * 2, bytesMin);
    this.#bytes = copied(new Uint8Array(length), this.#bytes);
  }
}

function hashOf(id: string): number {
  let hash = seed | 0;
  for (let at = 0; at < id.length; at += 1) {
    hash = Math.imul(hash ^ id.charCodeAt(at), MULTIPLIER);
    hash ^= hash >>> 15;
  }
  return hash;
}
