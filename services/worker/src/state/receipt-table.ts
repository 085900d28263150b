const ID_WORDS = 4;
const HASH_WORDS = 8;
const BYTES_A_WORD = 4;
/** Slots for each receipt: fuller tables are searched longer. */
const ROOM = 1.5;

/** What a slot's tag says; otherwise it is the partition, counted from `FIRST_TAG`. */
const EMPTY = 0;
const DELETED = 1;
const FIRST_TAG = 2;

/** The id that was asked for last, as words. */
const id = new Uint32Array(ID_WORDS);

/** Makes a command id (a UUID in lower case) the one that tables are asked for. */
export function loadId(commandId: string): void {
  id[0] = (fourDigits(commandId, 0) << 16) | fourDigits(commandId, 4);
  id[1] = (fourDigits(commandId, 9) << 16) | fourDigits(commandId, 14);
  id[2] = (fourDigits(commandId, 19) << 16) | fourDigits(commandId, 24);
  id[3] = (fourDigits(commandId, 28) << 16) | fourDigits(commandId, 32);
}

function fourDigits(text: string, at: number): number {
  return (digit(text, at) << 12) | (digit(text, at + 1) << 8) | (digit(text, at + 2) << 4) | digit(text, at + 3);
}

/** Of 0 to 9 and a to f. */
function digit(text: string, at: number): number {
  const code = text.charCodeAt(at);
  return (code & 0xf) + (code >>> 6) * 9;
}

/** A receipt as far as a later record of the same command id needs it. */
export type KnownReceipt = {
  /** SHA-256 of the payload, as Latin-1 text. */
  readonly hash: string;
  /** The payload that an operator put in its place, if any: a record of either is a duplicate. */
  readonly editedHash?: string;
  readonly partition: number;
  readonly offset: number;
};

/**
 * Receipts by command id in columns, in open addressing: as objects in a map they would be most of
 * what the garbage collector has to look at. Holds as many as it was made for.
 */
export class ReceiptTable {
  /** Slots in use, those of deleted receipts included. */
  used = 0;
  readonly #seeds: Uint32Array;
  readonly #shift: number;
  readonly #mask: number;
  readonly #tags: Int32Array;
  readonly #ids: Uint32Array;
  readonly #hashes: Uint32Array;
  readonly #offsets: Float64Array;
  /** Hashes of the few payloads that were edited. */
  readonly #edited = new Map<string, string>();

  constructor(entriesMax: number, seeds: Uint32Array) {
    const bits = Math.ceil(Math.log2(entriesMax * ROOM));
    const count = 2 ** bits;
    this.#seeds = seeds;
    this.#shift = 32 - bits;
    this.#mask = count - 1;
    this.#tags = new Int32Array(count);
    this.#ids = new Uint32Array(count * ID_WORDS);
    this.#hashes = new Uint32Array(count * HASH_WORDS);
    this.#offsets = new Float64Array(count);
  }

  /** Where the loaded id stands; -1 when it does not. */
  find(): number {
    for (let slot = this.#home(); ; slot = (slot + 1) & this.#mask) {
      const tag = this.#tags[slot];
      if (tag === EMPTY) return -1;
      if (tag !== DELETED && this.#isAt(slot)) return slot;
    }
  }

  read(slot: number, commandId: string): KnownReceipt {
    const editedHash = this.#edited.get(commandId);
    return {
      hash: this.#hashAt(slot),
      partition: (this.#tags[slot] ?? 0) - FIRST_TAG,
      offset: this.#offsets[slot] ?? 0,
      ...(editedHash === undefined ? {} : { editedHash }),
    };
  }

  /** Puts the loaded id, which is `commandId`, or replaces what it had. */
  write(commandId: string, { hash, editedHash, partition, offset }: KnownReceipt): void {
    let slot = this.find();
    if (slot < 0) {
      slot = this.#home();
      while (this.#tags[slot] !== EMPTY) slot = (slot + 1) & this.#mask;
      this.used += 1;
      for (let word = 0; word < ID_WORDS; word += 1) this.#ids[slot * ID_WORDS + word] = id[word] ?? 0;
    }
    this.#tags[slot] = partition + FIRST_TAG;
    this.#offsets[slot] = offset;
    for (let word = 0; word < HASH_WORDS; word += 1) {
      this.#hashes[slot * HASH_WORDS + word] = wordOf(hash, word * BYTES_A_WORD);
    }
    if (editedHash !== undefined) this.#edited.set(commandId, editedHash);
    else this.#edited.delete(commandId);
  }

  /** Forgets the loaded id, which is `commandId`. */
  delete(commandId: string): void {
    const slot = this.find();
    if (slot < 0) return;
    this.#tags[slot] = DELETED;
    this.#edited.delete(commandId);
  }

  clear(): void {
    this.#tags.fill(EMPTY);
    this.#edited.clear();
    this.used = 0;
  }

  #home(): number {
    let hash = 0;
    for (let word = 0; word < ID_WORDS; word += 1) {
      hash = (hash + Math.imul(id[word] ?? 0, (this.#seeds[word] ?? 0) | 1)) | 0;
    }
    return hash >>> this.#shift;
  }

  #isAt(slot: number): boolean {
    const at = slot * ID_WORDS;
    const ids = this.#ids;
    return ids[at] === id[0] && ids[at + 1] === id[1] && ids[at + 2] === id[2] && ids[at + 3] === id[3];
  }

  #hashAt(slot: number): string {
    const bytes: number[] = [];
    for (let word = 0; word < HASH_WORDS; word += 1) {
      const value = this.#hashes[slot * HASH_WORDS + word] ?? 0;
      bytes.push(value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff);
    }
    return String.fromCharCode(...bytes);
  }
}

function wordOf(hash: string, at: number): number {
  return (
    (hash.charCodeAt(at) << 24) |
    (hash.charCodeAt(at + 1) << 16) |
    (hash.charCodeAt(at + 2) << 8) |
    hash.charCodeAt(at + 3)
  );
}
