import { COLLABORATOR_BUGS } from './planted-bugs.ts';
import { PLANTED_SOURCES } from './planted-sources.ts';
import { openSeedThread, type SeedThread } from './seed-threads.ts';

/** What became of a planted bug; `seed` is null when no world has noticed it. */
export type Catch = { readonly bug: string; readonly seed: number | null; readonly symptom: string };

const THREADS = 2;

/** Plants each bug in turn and runs worlds until one fails, at most so many. */
export async function catchBugs(options: { readonly seedsMax: number }): Promise<readonly Catch[]> {
  const catches: Catch[] = [];
  const inCollaborators = [...COLLABORATOR_BUGS];
  const inSources = Object.keys(PLANTED_SOURCES);
  const run = async () => {
    {
      await using shared = await openSeedThread();
      for (let bug = inCollaborators.shift(); bug !== undefined; bug = inCollaborators.shift()) {
        catches.push(await catchIn(shared, bug, options.seedsMax));
      }
    }
    for (let bug = inSources.shift(); bug !== undefined; bug = inSources.shift()) {
      await using own = await openSeedThread(bug);
      catches.push(await catchIn(own, bug, options.seedsMax));
    }
  };
  await Promise.all(Array.from({ length: THREADS }, run));
  return catches.toSorted((a, b) => (a.bug < b.bug ? -1 : 1));
}

async function catchIn(thread: SeedThread, bug: string, seedsMax: number): Promise<Catch> {
  const { failed } = await thread.ask({ from: 1, count: seedsMax, bug });
  const symptom = failed[0]?.failures[0]?.split('\n')[0] ?? '';
  return { bug, seed: failed[0]?.seed ?? null, symptom };
}
