import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * The checkout that the working directory lies in, else the one that this program lies in: where
 * `.tradestream` is.
 */
export function projectRoot(): string {
  return findRoot(process.cwd()) ?? findRoot(import.meta.dirname) ?? process.cwd();
}

/** The checkout that this program belongs to: where its services and its SQL are. */
export function codeRoot(): string {
  return join(import.meta.dirname, '..', '..', '..');
}

function findRoot(from: string): string | null {
  for (let folder = from; ; folder = dirname(folder)) {
    if (isRoot(folder)) return folder;
    if (folder === dirname(folder)) return null;
  }
}

function isRoot(folder: string): boolean {
  const file = join(folder, 'package.json');
  if (!existsSync(file)) return false;
  try {
    const { name, workspaces } = JSON.parse(readFileSync(file, 'utf8')) as { name?: string; workspaces?: unknown }; // npm's own file
    return name === 'tradestream' && workspaces !== undefined;
  } catch {
    return false;
  }
}
