import { hash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Session } from '@tradestream/database';
import { SERVICE_NAMES } from '@tradestream/stack';
import type { Findings } from './finding.ts';

/** What this release needs of the database: its migrations and the roles of its services. */
export async function examineTables(findings: Findings, session: Session, sqlFolder: string): Promise<void> {
  for (const schema of ['ledger', 'views']) await examineMigrations(findings, session, join(sqlFolder, schema));
  await examineRoles(findings, session);
}

async function examineMigrations(findings: Findings, session: Session, folder: string): Promise<void> {
  const schema = folder.split('/').at(-1) ?? '';
  const check = `schema ${schema}`;
  const files = readdirSync(folder)
    .filter((name) => name.endsWith('.sql'))
    .toSorted();
  const ran = await loadRan(session, schema);
  const missing = files.filter((name) => !ran.has(name));
  const unknown = [...ran.keys()].filter((name) => !files.includes(name));
  const changed = files.filter((name) => {
    const sha256 = ran.get(name);
    return sha256 !== undefined && sha256 !== hash('sha256', readFileSync(join(folder, name)), 'hex');
  });
  if (missing.length > 0)
    findings.fail(
      check,
      `did not run: ${missing.join(', ')}`,
      'run `tradestream up`, which migrates, before this release writes',
    );
  else if (changed.length > 0)
    findings.fail(
      check,
      `changed since they ran: ${changed.join(', ')}`,
      'put the files back and write a new one: a migration runs once',
    );
  else if (unknown.length > 0)
    findings.warn(check, `of a later release: ${unknown.join(', ')}`, 'use the release that migrated the database');
  else findings.ok(check, files.at(-1) ?? '');
}

async function loadRan(session: Session, schema: string): Promise<ReadonlyMap<string, string>> {
  const { rows } = await session.query<{ there: boolean }>({
    text: 'SELECT to_regclass($1) IS NOT NULL AS there',
    values: [`${schema}.migrations`],
  });
  if (rows[0]?.there !== true) return new Map();
  const ran = await session.query<{ name: string; sha256: string }>({
    text: `SELECT name, sha256 FROM ${schema}.migrations`,
  });
  return new Map(ran.rows.map(({ name, sha256 }) => [name, sha256]));
}

async function examineRoles(findings: Findings, session: Session): Promise<void> {
  const { rows } = await session.query<{ name: string; login: boolean; super: boolean }>({
    text: `SELECT rolname AS name, rolcanlogin AS login, rolsuper AS super FROM pg_roles WHERE rolname LIKE 'tradestream\\_%'`,
  });
  for (const service of SERVICE_NAMES) {
    const name = `tradestream_${service}`;
    const role = rows.find((row) => row.name === name);
    const check = `role ${name}`;
    if (role === undefined) findings.fail(check, 'absent', 'run `tradestream up`, which migrates and makes it');
    else if (role.super)
      findings.warn(check, 'a superuser', `ALTER ROLE ${name} NOSUPERUSER: the service needs none of it`);
    else if (!role.login)
      findings.warn(
        check,
        'may not log in',
        `ALTER ROLE ${name} LOGIN PASSWORD '...', or the service runs as the owner`,
      );
    else findings.ok(check, 'may log in');
  }
}
