import type { Logger } from '@tradestream/runtime';
import { findUnreadable, type SchemaDifference } from '../avro/schema-differences.ts';
import { parseSchemaModel, type SchemaNode } from '../avro/schema-model.ts';
import { ContractError } from '../errors.ts';
import { TRADE_COMMAND_SCHEMA } from '../generated/trade-command.ts';
import { TRADE_EVENT_SCHEMA } from '../generated/trade-event.ts';
import { subjectOf, TOPICS, type Topics } from '../topics.ts';
import { type AskRegistry, type RegistryAnswer, registryAt } from './registry-http.ts';

/** Ids under which the registry holds the schemas of this release. */
export type SchemaIds = { readonly commandSchemaId: number; readonly eventSchemaId: number };

/** What a service needs of the schema registry. Calls may overlap; each is bounded by the timeout. */
export interface Schemas {
  /**
   * Sets the compatibility of both subjects and registers the schemas of this release; asked again
   * it gives the same ids.
   * @throws {ContractError} SCHEMA_INCOMPATIBLE with subject, version, field and rule; REGISTRY_UNAVAILABLE
   */
  register(): Promise<SchemaIds>;
  /**
   * The text of a schema as it was registered; null when the registry says that it has none of this
   * id, which a registry that lost its memory says too.
   * @throws {ContractError} REGISTRY_UNAVAILABLE when it says nothing of the kind
   */
  schemaText(id: number): Promise<string | null>;
}

type Compatibility = 'BACKWARD' | 'FULL_TRANSITIVE';
type Subject = { readonly name: string; readonly schema: string; readonly compatibility: Compatibility };

/** Ids are 32-bit signed in the registry; a record may carry any 32 bits. */
const SCHEMA_ID_MAX = 2 ** 31 - 1;
/** The registry's own code for an unknown schema: a 404 of something else on that address lacks it. */
const UNKNOWN_SCHEMA = 40403;
const UNKNOWN_SUBJECT = 40401;
const VERSIONS_COMPARED_MAX = 100;
const CONFLICTS_MAX = 3;
const MESSAGE_SHOWN_MAX = 500;

/** The registry whose Confluent interface stands at `url`. Nothing is asked before the first call. */
export async function openSchemas(options: {
  readonly url: string;
  readonly log: Logger;
  readonly timeoutMs: number;
  readonly topics?: Topics;
}): Promise<Schemas> {
  const { log, topics = TOPICS } = options;
  const ask = registryAt(options);
  return {
    register: async () => {
      const commands = subjectOf(topics.commands);
      const events = subjectOf(topics.events);
      return {
        commandSchemaId: await registerSubject(
          { name: commands, schema: TRADE_COMMAND_SCHEMA, compatibility: 'BACKWARD' },
          { ask, log },
        ),
        eventSchemaId: await registerSubject(
          { name: events, schema: TRADE_EVENT_SCHEMA, compatibility: 'FULL_TRANSITIVE' },
          { ask, log },
        ),
      };
    },
    schemaText: async (id) => {
      if (id > SCHEMA_ID_MAX) return null;
      const answer = await ask({ method: 'GET', path: `/schemas/ids/${id}` });
      if (answer.status === 404 && answer.body['error_code'] === UNKNOWN_SCHEMA) return null;
      return textOf(answer);
    },
  };
}

/** Idempotent, and safe beside another process that registers the same. */
async function registerSubject(
  subject: Subject,
  { ask, log }: { readonly ask: AskRegistry; readonly log: Logger },
): Promise<number> {
  const { name, schema, compatibility } = subject;
  const path = `/subjects/${encodeURIComponent(name)}`;
  const levelSet = await setCompatibility(subject, ask);
  const found = await ask({ method: 'POST', path, body: { schema } });
  if (found.status === 200) return idOf(found);
  await refuseIncompatible(subject, ask);
  const answer = await ask({ method: 'POST', path: `${path}/versions`, body: { schema } });
  if (answer.status === 409) {
    const besides = await ask({ method: 'POST', path, body: { schema } });
    if (besides.status === 200) return idOf(besides); // another process was first with the same schema
    throw new ContractError('SCHEMA_INCOMPATIBLE', { detail: messageOf(answer), context: { subject: name } });
  }
  const schemaId = idOf(answer);
  // Some registries know no level for a subject that does not exist yet.
  if (!levelSet && !(await setCompatibility(subject, ask))) throw unexpected(answer);
  log.info({ subject: name, schemaId, compatibility }, 'schema_registered');
  return schemaId;
}

/** True when the level stands. Two that set it at once may get a 409: the level is there then, but whose? */
async function setCompatibility(subject: Subject, ask: AskRegistry): Promise<boolean> {
  const { name, compatibility } = subject;
  const request = { method: 'PUT', path: `/config/${encodeURIComponent(name)}`, body: { compatibility } } as const;
  let answer = await ask(request);
  for (let more = CONFLICTS_MAX; answer.status === 409 && more > 0; more -= 1) answer = await ask(request);
  if (answer.status !== 200 && answer.body['error_code'] !== UNKNOWN_SUBJECT) throw unexpected(answer);
  return answer.status === 200;
}

/**
 * Compares here before the registry does: it names no field, and to it a decimal of another scale or
 * a time in another unit is the same.
 */
async function refuseIncompatible(subject: Subject, ask: AskRegistry): Promise<void> {
  const path = `/subjects/${encodeURIComponent(subject.name)}/versions`;
  const listed = await ask({ method: 'GET', path });
  if (listed.status === 404) return;
  const versions = Array.isArray(listed.body['items']) ? listed.body['items'].map(Number) : [];
  const compared = subject.compatibility === 'BACKWARD' ? versions.slice(-1) : versions.slice(-VERSIONS_COMPARED_MAX);
  for (const version of compared) {
    const registered = textOf(await ask({ method: 'GET', path: `${path}/${version}` }));
    const difference = differenceOf(subject, registered);
    if (difference !== null) {
      throw new ContractError('SCHEMA_INCOMPATIBLE', { context: { subject: subject.name, version, ...difference } });
    }
  }
}

function differenceOf(subject: Subject, registered: string): (SchemaDifference & { readonly reader: string }) | null {
  const ours = parseSchemaModel(subject.schema);
  const theirs = registeredModel(subject, registered);
  const backward = findUnreadable(ours, theirs);
  if (backward !== null) return { ...backward, reader: 'this release' };
  const forward = subject.compatibility === 'FULL_TRANSITIVE' ? findUnreadable(theirs, ours) : null;
  return forward === null ? null : { ...forward, reader: 'the registered version' };
}

function registeredModel(subject: Subject, registered: string): SchemaNode {
  try {
    return parseSchemaModel(registered);
  } catch (cause) {
    const detail = 'what is registered is no Avro schema';
    throw new ContractError('SCHEMA_INCOMPATIBLE', { cause, detail, context: { subject: subject.name } });
  }
}

function idOf(answer: RegistryAnswer): number {
  const { id } = answer.body;
  if (answer.status !== 200 || typeof id !== 'number') throw unexpected(answer);
  return id;
}

function textOf(answer: RegistryAnswer): string {
  const { schema } = answer.body;
  if (answer.status !== 200 || typeof schema !== 'string') throw unexpected(answer);
  return schema;
}

function messageOf(answer: RegistryAnswer): string {
  const { message } = answer.body;
  return typeof message === 'string' ? message.slice(0, MESSAGE_SHOWN_MAX) : '';
}

function unexpected(answer: RegistryAnswer): ContractError {
  return new ContractError('REGISTRY_UNAVAILABLE', { context: { status: answer.status, message: messageOf(answer) } });
}
