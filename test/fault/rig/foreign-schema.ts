import { encodeCommand, frame, newCommandId } from '@tradestream/contracts';
import { commandKey, UNIT } from '@tradestream/trading';
import { eventually } from '../../support/eventually.ts';
import type { LedgerWorld } from '../../support/ledger-world.ts';

const ANSWER_MS = 60_000;

/** The schema of commands under another id, as another program would have registered it. */
export async function registerAnotherSchema(world: LedgerWorld, registryUrl: string): Promise<number> {
  const headers = { 'content-type': 'application/vnd.schemaregistry.v1+json' };
  const subject = `${registryUrl}/subjects/${world.group('other-value')}/versions`;
  // It keeps its schemas in the database that is harmed as well.
  return await eventually(
    async () => {
      const ours = await json<{ schema: string }>(await fetch(`${registryUrl}/schemas/ids/${world.commandSchemaId}`));
      const record = JSON.parse(ours.schema) as Record<string, unknown>; // a record
      const schema = JSON.stringify({ ...record, doc: `Of another program, ${newCommandId()}.` });
      const answer = await fetch(subject, { method: 'POST', headers, body: JSON.stringify({ schema }) });
      return (await json<{ id: number }>(answer)).id;
    },
    { withinMs: ANSWER_MS },
  );
}

/** A command of its own under that schema. */
export async function sendOfSchema(world: LedgerWorld, schemaId: number): Promise<void> {
  const command = { type: 'DepositFunds', userId: `foreign-${schemaId}`, asset: 'USD', amount: UNIT } as const;
  const value = frame(schemaId, encodeCommand({ commandId: newCommandId(), command }));
  const record = { key: commandKey(command), value };
  await eventually(() => world.producer.send(world.topics.commands, [record]), { withinMs: ANSWER_MS });
}

async function json<Body>(answer: Response): Promise<Body> {
  if (!answer.ok) throw new Error(`${answer.url} answered ${answer.status}: ${await answer.text()}`);
  return (await answer.json()) as Body; // as the registry answers
}
