import { SeededRandom } from '../../../bench/src/random.ts';
import type { Driver } from '../drivers/driver.ts';

/** What a seed does to the installation, besides its load. */
export type PlannedFault = { readonly driver: Driver; readonly atMs: number; readonly seed: number };

/** Seeds in a row among which every kind of fault is dealt once. */
export const ROUND = 5;
/** Faults begin within this time of a seed's first command. */
const BEGIN_MS = 1_500;

/**
 * The faults of a seed: a round of five seeds deals all kinds like cards, so that each kind comes once a
 * round or twice, with others at random. The same seed always gets the same.
 */
export function planFaults(seed: number, drivers: readonly Driver[]): readonly PlannedFault[] {
  const round = Math.floor((seed - 1) / ROUND);
  const hand = (seed - 1) % ROUND;
  const random = new SeededRandom(seed * 7_919);
  const deck = [...drivers, ...drivers.filter(({ mayMiss }) => mayMiss === true)];
  return shuffled(deck, new SeededRandom(round + 1))
    .filter((_driver, index) => index % ROUND === hand)
    .map((driver, index) => ({ driver, atMs: random.below(BEGIN_MS), seed: seed * 1_000 + index }));
}

function shuffled<Item>(items: readonly Item[], random: SeededRandom): readonly Item[] {
  return items
    .map((item) => ({ item, at: random.next() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item);
}
