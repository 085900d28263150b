import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { subjectOf, type Topics } from '@tradestream/contracts';
import type { Session } from '@tradestream/database';
import type { Findings } from './finding.ts';

export type RegistrySubject = {
  readonly url: string;
  readonly topics: Topics;
  /** Folder of the Avro schemas of this release. */
  readonly schemaFolder: string;
  readonly session: Session | null;
};

type Answer = { readonly status: number; readonly body: Readonly<Record<string, unknown>> };

const TIMEOUT_MS = 5_000;

/** Schemas of this release beside those registered, and those that the ledger has used. Registers nothing. */
export async function examineRegistry(findings: Findings, subject: RegistrySubject): Promise<void> {
  const { topics, schemaFolder } = subject;
  await examineSubject(findings, subject, {
    name: subjectOf(topics.commands),
    schema: readSchema(schemaFolder, 'trade-command.avsc'),
    level: 'BACKWARD',
  });
  await examineSubject(findings, subject, {
    name: subjectOf(topics.events),
    schema: readSchema(schemaFolder, 'trade-event.avsc'),
    level: 'FULL_TRANSITIVE',
  });
  if (subject.session !== null) await examineUsed(findings, subject, subject.session);
}

async function examineSubject(
  findings: Findings,
  { url }: RegistrySubject,
  { name, schema, level }: { readonly name: string; readonly schema: string; readonly level: string },
): Promise<void> {
  const path = encodeURIComponent(name);
  const known = await ask(url, `/subjects/${path}`, { schema });
  if (known.status === 200) {
    findings.ok(name, `registered, id ${String(known.body['id'])}`);
  } else {
    const checked = await ask(url, `/compatibility/subjects/${path}/versions/latest`, { schema });
    const isNew = checked.status === 404;
    if (isNew || checked.body['is_compatible'] === true)
      findings.warn(
        name,
        'this schema is not registered yet',
        'start a service, or `tradestream up`: it registers the schema',
      );
    else
      findings.fail(
        name,
        'this schema is not compatible with what is registered',
        'give new fields a default and keep the types: see what a service says at its start',
      );
  }
  const config = await ask(url, `/config/${path}`);
  const given = config.body['compatibilityLevel'] ?? config.body['compatibility'];
  const set = typeof given === 'string' ? given : 'none of its own';
  if (set === level) findings.ok(name, `compatibility ${set}`);
  else
    findings.warn(
      name,
      `compatibility ${set}`,
      `set it to ${level}, as every service does at its start: an incompatible schema could be registered`,
    );
}

/** A registry that lost its memory gives old ids to new schemas. */
async function examineUsed(findings: Findings, { url }: RegistrySubject, session: Session): Promise<void> {
  const { rows } = await session.query<{ id: number; schema: string }>({
    text: 'SELECT id, schema FROM ledger.schemas ORDER BY id',
  });
  let isWell = true;
  for (const { id, schema } of rows) {
    const answer = await ask(url, `/schemas/ids/${id}`);
    if (answer.status === 200 && isSame(String(answer.body['schema']), schema)) continue;
    isWell = false;
    const found = answer.status === 200 ? 'another schema than in ledger.schemas' : 'unknown, and used by the ledger';
    findings.fail(`schema id ${id}`, found, 'restore the registry from its database: its ids are in every record');
  }
  if (isWell) findings.ok('used schemas', `${rows.length} ids of the ledger are the same there`);
}

/** As it is registered: without the line breaks that a registry would take for another schema. */
function readSchema(folder: string, name: string): string {
  return JSON.stringify(JSON.parse(readFileSync(join(folder, name), 'utf8')));
}

function isSame(a: string, b: string): boolean {
  try {
    return JSON.stringify(JSON.parse(a)) === JSON.stringify(JSON.parse(b));
  } catch {
    return a === b;
  }
}

async function ask(url: string, path: string, body?: unknown): Promise<Answer> {
  const { origin, pathname, username, password } = new URL(url);
  const login = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64');
  const response = await fetch(`${origin}${pathname.replace(/\/+$/, '')}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      'content-type': 'application/vnd.schemaregistry.v1+json',
      ...(username === '' ? {} : { authorization: `Basic ${login}` }),
    },
    signal: AbortSignal.timeout(TIMEOUT_MS),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (response.status >= 500 || response.status === 401) throw new Error(`${path} answered ${response.status}`);
  const answered: unknown = await response.json();
  return { status: response.status, body: { ...(answered as object) } };
}
