import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseError } from '../errors.ts';

export type MigrationFile = { readonly name: string; readonly sha256: string; readonly sql: string };

export type RanMigration = Pick<MigrationFile, 'name' | 'sha256'>;

const NAME = /^([0-9]{4})_[a-z0-9_]+\.sql$/;

/**
 * The migrations of a folder in their order. Only `.sql` files are looked at.
 * @throws {DatabaseError} DB_MIGRATION_REFUSED for a name that is none, or a number that stands twice
 */
export async function loadMigrations(folder: string): Promise<readonly MigrationFile[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sql')).toSorted();
  const numbers = new Map<string, string>();
  for (const name of names) {
    const number = NAME.exec(name)?.[1];
    if (number === undefined) throw refused(`${name} is not named NNNN_name.sql`);
    const other = numbers.get(number);
    if (other !== undefined) throw refused(`${other} and ${name} have the same number`);
    numbers.set(number, name);
  }
  return await Promise.all(names.map((name) => loadMigration(folder, name)));
}

/**
 * The files that did not run yet. What ran must be the beginning of the folder, byte for byte.
 * @throws {DatabaseError} DB_MIGRATION_REFUSED
 */
export function choosePending(files: readonly MigrationFile[], ran: readonly RanMigration[]): readonly MigrationFile[] {
  for (const [index, done] of ran.entries()) {
    const file = files.find((each) => each.name === done.name);
    if (file === undefined) throw refused(`${done.name} ran and is not in the folder`);
    if (file.sha256 !== done.sha256) throw refused(`${done.name} was changed after it ran`);
    const first = files[index];
    if (first?.name !== done.name)
      throw refused(`${first?.name} did not run and stands before ${done.name}, which did`);
  }
  return files.slice(ran.length);
}

async function loadMigration(folder: string, name: string): Promise<MigrationFile> {
  // A checkout may have ended the lines in its own way: that changes nothing that runs.
  const sql = (await readFile(join(folder, name), 'utf8')).replaceAll('\r\n', '\n');
  return { name, sql, sha256: createHash('sha256').update(sql).digest('hex') };
}

function refused(detail: string): DatabaseError {
  return new DatabaseError('DB_MIGRATION_REFUSED', { detail });
}
