import { expect, test } from 'vitest';
import { electPrimary, NOTHING_KNOWN, type NodeClaim } from './elect-primary.ts';

function claim(name: string, given: Partial<NodeClaim> = {}): NodeClaim {
  return { name, systemIdentifier: 'one', inRecovery: true, timeline: 1, ...given };
}
const KNOWN = { systemIdentifier: 'one', timeline: 1, primary: 'a' } as const;

test('the node that is not in recovery is the primary, wherever it stands in the configuration', () => {
  const { primary, memory } = electPrimary([claim('a'), claim('b', { inRecovery: false })], NOTHING_KNOWN);
  expect(primary).toBe('b');
  expect(memory).toEqual({ systemIdentifier: 'one', timeline: 1, primary: 'b' });
});

test('of two that claim to be primary the newer timeline wins and the other is quarantined', () => {
  const election = electPrimary(
    [claim('a', { inRecovery: false }), claim('b', { inRecovery: false, timeline: 2 }), claim('c')],
    KNOWN,
  );
  expect(election.primary).toBe('b');
  expect([...election.quarantined]).toEqual([
    ['a', 'older timeline'],
    ['c', 'older timeline'],
  ]);
});

test('an old primary stays out when the new one is gone', () => {
  const election = electPrimary([claim('a', { inRecovery: false })], { ...KNOWN, timeline: 2, primary: 'b' });
  expect(election.primary).toBeNull();
  expect(election.quarantined.get('a')).toBe('older timeline');
});

test('a standby that follows a newer timeline tells that the old primary is old', () => {
  const election = electPrimary([claim('a', { inRecovery: false }), claim('c', { timeline: 2 })], KNOWN);
  expect(election.primary).toBeNull();
});

test('of two on the same timeline the present one stays; unknown, there is none', () => {
  const both = [claim('a', { inRecovery: false }), claim('b', { inRecovery: false })];
  const known = electPrimary(both, KNOWN);
  expect(known.primary).toBe('a');
  expect(known.quarantined.get('b')).toBe('second primary');
  const unknown = electPrimary(both, NOTHING_KNOWN);
  expect(unknown.primary).toBeNull();
  expect(unknown.quarantined.size).toBe(2);
});

test('a node of another cluster is never used', () => {
  const foreign = claim('b', { inRecovery: false, timeline: 9, systemIdentifier: 'two' });
  const election = electPrimary([claim('a', { inRecovery: false }), foreign], KNOWN);
  expect(election.primary).toBe('a');
  expect(election.quarantined.get('b')).toBe('another cluster');
});

test('a standby whose timeline may not be seen is trusted', () => {
  const election = electPrimary(
    [claim('a', { inRecovery: false, timeline: 2 }), claim('b', { timeline: null })],
    KNOWN,
  );
  expect(election.quarantined.has('b')).toBe(false);
});

test('nobody to be seen is nobody to write to', () => {
  const election = electPrimary([], KNOWN);
  expect(election.primary).toBeNull();
  expect(election.memory).toEqual(KNOWN);
});
