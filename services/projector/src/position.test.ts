import { expect, test } from 'vitest';
import { placeEvent } from './position.ts';

const position = { seq: 10, nextOffset: 40, timeline: 2 };

test('the event after the last one is next', () => {
  expect(placeEvent(position, { seq: 11, timeline: 2 })).toBe('next');
});

test('an event up to the position is held already, whatever its older timeline', () => {
  expect(placeEvent(position, { seq: 10, timeline: 2 })).toBe('held');
  expect(placeEvent(position, { seq: 1, timeline: 1 })).toBe('held');
});

test('an event further on leaves a gap', () => {
  expect(placeEvent(position, { seq: 12, timeline: 2 })).toBe('gap');
  expect(placeEvent({ seq: 0, nextOffset: 0, timeline: 0 }, { seq: 2, timeline: 1 })).toBe('gap');
});

test('the next event may open a newer timeline', () => {
  expect(placeEvent(position, { seq: 11, timeline: 3 })).toBe('next');
});

test('a newer timeline with a sequence already held contradicts the rows', () => {
  expect(placeEvent(position, { seq: 10, timeline: 3 })).toBe('contradiction');
});

test('an older timeline beyond the position contradicts the rows', () => {
  expect(placeEvent(position, { seq: 11, timeline: 1 })).toBe('contradiction');
  expect(placeEvent(position, { seq: 12, timeline: 1 })).toBe('contradiction');
});
