import { parseWriterSchema, type SchemaIds, type Schemas, type WriterSchema } from '@tradestream/contracts';
import type { Session } from '@tradestream/database';

/** A record may name any 32 bits; a registry's ids end here. */
const SCHEMA_ID_MAX = 2 ** 31 - 1;

type Known = { readonly schema: WriterSchema; readonly text: string; inLedger: boolean };

/**
 * Writer schemas by their id. The ledger is asked before the registry: a schema that was used once
 * is never forgotten, whatever the registry has lost.
 */
export class SchemaBook {
  readonly #known = new Map<number, Known>();
  readonly #schemas: Schemas;
  #own: readonly number[] = [];

  constructor(schemas: Schemas) {
    this.#schemas = schemas;
  }

  /** The schema if it is at hand; undefined asks for `learn`. */
  get(id: number): WriterSchema | undefined {
    return this.#known.get(id)?.schema;
  }

  /**
   * Finds out about ids. One that is not at hand afterwards is known to nobody: its records are poison.
   * @throws {ContractError} REGISTRY_UNAVAILABLE: nothing was found out, wait and ask again.
   */
  async learn(ids: ReadonlySet<number>, session: Session): Promise<void> {
    const open = [...ids].filter((id) => !this.#known.has(id) && id <= SCHEMA_ID_MAX);
    if (open.length === 0) return;
    const { rows } = await session.query<{ id: number; schema: string }>({
      text: 'SELECT id, schema FROM ledger.schemas WHERE id = ANY ($1::int[])',
      values: [open],
    });
    for (const row of rows) this.#remember(row.id, row.schema, true);
    for (const id of open) {
      if (this.#known.has(id)) continue;
      const text = await this.#schemas.schemaText(id);
      if (text !== null) this.#remember(id, text, false);
    }
  }

  /**
   * Finds out about the schemas of this release, which go to the ledger with the first batch.
   * @throws {ContractError} REGISTRY_UNAVAILABLE: as `learn`
   */
  async learnOwn({ commandSchemaId, eventSchemaId }: SchemaIds, session: Session): Promise<void> {
    const own = [commandSchemaId, eventSchemaId];
    await this.learn(new Set(own), session);
    this.#own = own;
  }

  /** Schemas of this batch, of its records and of its events, that the ledger does not hold yet. */
  unstored(ids: ReadonlySet<number>): readonly { readonly id: number; readonly schema: string }[] {
    const rows: { id: number; schema: string }[] = [];
    for (const id of new Set([...this.#own, ...ids])) {
      const known = this.#known.get(id);
      if (known !== undefined && !known.inLedger) rows.push({ id, schema: known.text });
    }
    return rows;
  }

  stored(rows: readonly { readonly id: number }[]): void {
    for (const { id } of rows) {
      const known = this.#known.get(id);
      if (known !== undefined) known.inLedger = true;
    }
  }

  #remember(id: number, text: string, inLedger: boolean): void {
    this.#known.set(id, { schema: parseWriterSchema(text), text, inLedger });
  }
}
