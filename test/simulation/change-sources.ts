import { readFileSync } from 'node:fs';
import type { LoadHookSync } from 'node:module';
import { fileURLToPath } from 'node:url';

/** A bug that is planted in a source file while it is loaded, in this thread only. */
export type SourceChange = {
  readonly file: string;
  /** Stands there exactly once; a bug whose place has gone is to be planted anew. */
  readonly find: string;
  readonly replace: string;
};

const ROOT = new URL('../../', import.meta.url);

/** Gives the loader the changed text of the files of a bug, and leaves all others alone. */
export function changeSources(changes: readonly SourceChange[]): LoadHookSync {
  return (url, context, nextLoad) => {
    const own = changes.filter(({ file }) => url === new URL(file, ROOT).href);
    if (own.length === 0) return nextLoad(url, context);
    const source = own.reduce(changed, readFileSync(fileURLToPath(url), 'utf8'));
    return { format: 'module-typescript', source, shortCircuit: true };
  };
}

function changed(source: string, { file, find, replace }: SourceChange): string {
  if (source.split(find).length !== 2) throw new Error(`the place of a planted bug is not in ${file} once: ${find}`);
  return source.replace(find, () => replace);
}
