/** Fewer are compared. */
const RADIX_MIN = 64;
/** Longer runs of equal beginnings are given to the engine's own sort. */
const INSERTION_MAX = 8;
const WORD_CHARACTERS = 4;
const LATIN1_MAX = 0xff;
const BYTE_VALUES = 256;

/** Memory of the last sort, used again by the next: which item stands where, and the words of each item. */
let order = new Uint32Array(0);
let reordered = new Uint32Array(0);
let high = new Uint32Array(0);
let low = new Uint32Array(0);
const places = new Uint32Array(BYTE_VALUES);

/**
 * Items in the order of `compare`, which orders by `textOf` first and may go on from there. Ids of a
 * kind begin alike and then differ within a few characters: the eight behind the common beginning are
 * sorted as two words by radix, and only what is equal there is compared.
 */
export function sortByText<Item>(
  items: readonly Item[],
  textOf: (item: Item) => string,
  compare: (a: Item, b: Item) => number,
): Item[] {
  const count = items.length;
  if (count < RADIX_MIN || !loadWords(items, textOf)) return items.toSorted(compare);
  for (const word of [low, high]) for (let shift = 0; shift < 32; shift += 8) sortByByte(word, shift, count);
  const sorted: Item[] = [];
  for (let at = 0; at < count; at += 1) sorted.push(itemAt(items, order[at]));
  for (let start = 0; start < count; ) {
    const end = endOfEqual(start, count);
    sortRun(sorted, start, end, compare);
    start = end;
  }
  return sorted;
}

/** Whether every text is Latin-1 as far as the words go. */
function loadWords<Item>(items: readonly Item[], textOf: (item: Item) => string): boolean {
  if (order.length < items.length) {
    order = new Uint32Array(items.length);
    reordered = new Uint32Array(items.length);
    high = new Uint32Array(items.length);
    low = new Uint32Array(items.length);
  }
  const first = textOf(itemAt(items, 0));
  let common = first.length;
  for (const item of items) common = commonLength(first, textOf(item), common);
  for (let at = 0; at < items.length; at += 1) {
    const text = textOf(itemAt(items, at));
    const upper = wordAt(text, common);
    const lower = wordAt(text, common + WORD_CHARACTERS);
    if (upper < 0 || lower < 0) return false;
    high[at] = upper;
    low[at] = lower;
    order[at] = at;
  }
  return true;
}

function commonLength(a: string, b: string, max: number): number {
  let length = 0;
  while (length < max && length < b.length && a.charCodeAt(length) === b.charCodeAt(length)) length += 1;
  return length;
}

/** Four characters as a number, zeros behind the end; -1 where one is none of Latin-1. */
function wordAt(text: string, from: number): number {
  let word = 0;
  for (let at = from; at < from + WORD_CHARACTERS; at += 1) {
    const code = at < text.length ? text.charCodeAt(at) : 0;
    if (code > LATIN1_MAX) return -1;
    word = word * BYTE_VALUES + code;
  }
  return word;
}

/** One pass of a radix sort from the least significant byte: those equal in it keep their order. */
function sortByByte(word: Uint32Array, shift: number, count: number): void {
  places.fill(0);
  for (let at = 0; at < count; at += 1) add(places, byteOf(word, at, shift), 1);
  if (places[byteOf(word, 0, shift)] === count) return;
  let place = 0;
  for (let value = 0; value < BYTE_VALUES; value += 1) {
    const next = place + (places[value] ?? 0);
    places[value] = place;
    place = next;
  }
  for (let at = 0; at < count; at += 1) {
    const item = order[at] ?? 0;
    reordered[add(places, byteOf(word, item, shift), 1)] = item;
  }
  [order, reordered] = [reordered, order];
}

function byteOf(word: Uint32Array, at: number, shift: number): number {
  return ((word[at] ?? 0) >>> shift) & 0xff;
}

/** Adds to one number of a column; returns what it was. */
function add(column: Uint32Array, at: number, count: number): number {
  const before = column[at] ?? 0;
  column[at] = before + count;
  return before;
}

/** Where the run of items ends that are equal in both words. */
function endOfEqual(start: number, count: number): number {
  const first = order[start] ?? 0;
  let end = start + 1;
  for (; end < count; end += 1) {
    const item = order[end] ?? 0;
    if (high[item] !== high[first] || low[item] !== low[first]) break;
  }
  return end;
}

function sortRun<Item>(items: Item[], start: number, end: number, compare: (a: Item, b: Item) => number): void {
  if (end - start > INSERTION_MAX) {
    const run = items.slice(start, end).sort(compare);
    for (let at = start; at < end; at += 1) items[at] = itemAt(run, at - start);
    return;
  }
  for (let from = start + 1; from < end; from += 1) {
    const item = itemAt(items, from);
    let to = from;
    for (; to > start && compare(itemAt(items, to - 1), item) > 0; to -= 1) items[to] = itemAt(items, to - 1);
    items[to] = item;
  }
}

function itemAt<Item>(items: readonly Item[], at: number | undefined): Item {
  return items[at ?? 0] as Item;
}
