import type { LedgerWorld } from './ledger-world.ts';

export type AskedFor = {
  readonly kind: 'redrive' | 'discard' | 'edit';
  /** A condition on `ledger.parked AS k`. */
  readonly where: string;
  readonly editedValue?: Buffer;
  readonly actor?: string;
};

/** Writes intents as the monitor does; a record that has an open one gets no other. */
export async function askFor(world: LedgerWorld, { kind, where, editedValue, actor }: AskedFor): Promise<void> {
  await world.rows(
    `INSERT INTO ledger.intents (parked_id, topic, partition, kind, edited_value, actor, why)
     SELECT k.id, k.topic, k.partition, $1, $2, $3, 'tested' FROM ledger.parked AS k
     WHERE k.status = 'parked' AND (${where}) ORDER BY k.id
     ON CONFLICT (parked_id) WHERE executed_at IS NULL DO NOTHING`,
    [kind, editedValue ?? null, actor ?? 'olga'],
  );
}
