import { expect, test } from 'vitest';
import { blockKey, type Position, revertPosition } from './position.ts';

function positionAt(offset: number, blocked: readonly string[]): Position {
  return {
    partition: 0,
    epoch: 1,
    claimedOffset: offset,
    nextOffset: offset,
    seq: 0,
    lastHash: null,
    committed: { offset, seq: 0, hash: null },
    publishedSeq: 0,
    markedSeq: 0,
    singlyUntil: 0,
    blockedKeys: new Map(blocked.map((key) => [key, -1])),
    releasing: new Map(),
    queued: new Map(),
    paused: false,
    parkedAhead: [],
  };
}

test('a key that a batch blocked is free again when the batch did not commit, and others stay blocked', () => {
  const position = positionAt(5, ['since the claim']);
  blockKey(position, 'by what committed', 6);
  position.committed = { offset: 7, seq: 1, hash: null };
  blockKey(position, 'by what did not', 7);
  // Blocked already: that it would be again changes nothing.
  blockKey(position, 'by what committed', 8);
  blockKey(position, 'since the claim', 9);
  revertPosition(position);
  expect([...position.blockedKeys.keys()]).toEqual(['since the claim', 'by what committed']);
});
