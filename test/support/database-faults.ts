import type { LedgerWorld } from './ledger-world.ts';

/** The next `times` batches that write balances fail with this SQLSTATE, raised by the server. */
export async function failBatches(world: LedgerWorld, options: { sqlstate: string; times: number }): Promise<void> {
  const { sqlstate, times } = options;
  const statements = [
    'CREATE SEQUENCE IF NOT EXISTS public.faults',
    'GRANT USAGE ON SEQUENCE public.faults TO tradestream_worker',
    `CREATE OR REPLACE FUNCTION public.fail_batch() RETURNS trigger LANGUAGE plpgsql AS $$
     BEGIN
       IF nextval('public.faults') <= ${times} THEN RAISE EXCEPTION 'made to fail' USING ERRCODE = '${sqlstate}'; END IF;
       RETURN NULL;
     END $$`,
    `SELECT setval('public.faults', 1, false)`,
    `CREATE OR REPLACE TRIGGER fail_batch AFTER UPDATE ON ledger.balances
     FOR EACH STATEMENT EXECUTE FUNCTION public.fail_batch()`,
  ];
  for (const statement of statements) await world.rows(statement);
}
