import { type DeadlockParty, lockParties } from '@tradestream/database';
import { Command } from 'commander';
import type { CliContext } from '../cli-context.ts';
import { openDatabase } from '../open-database.ts';
import { wholeNumber } from './arguments.ts';

type Options = { readonly limit: number; readonly sqlstate?: string };

/** What the worker kept of the other sessions. */
type Other = {
  readonly pid: number;
  readonly application: string | null;
  readonly statement: string | null;
  readonly places: readonly { readonly partition: number; readonly nextOffset: number }[] | null;
};

type Kept = {
  readonly id: string;
  readonly occurredAt: string;
  readonly owner: string;
  readonly sqlstate: string;
  readonly message: string;
  readonly commandIds: readonly string[];
  readonly lockDetail: string;
  readonly lockContext: string;
  readonly others: readonly Other[];
};

const LIMIT = { least: 1, most: 10_000, usual: 20 } as const;
const CELL_CHARACTERS = 60;

const KEPT = `
  SELECT id::text, to_char(occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS "occurredAt", owner,
    sqlstate, detail AS message, command_ids::text[] AS "commandIds", lock_detail AS "lockDetail",
    lock_context AS "lockContext", others
  FROM ledger.deadlocks WHERE $1::text IS NULL OR sqlstate = $1 ORDER BY ledger.deadlocks.id DESC LIMIT $2`;

/** Where the victim was: `while updating tuple (0,5) in relation "balances"`. */
const PLACE = /tuple (?<row>\(\d+,\d+\)) in relation "(?<relation>[^"]+)"/;
const STATEMENT = /SQL statement "(?<text>[^]*?)"(?:\n|$)/;

export function deadlocksCommand(context: CliContext): Command {
  return new Command('deadlocks')
    .description('deadlocks and other conflicts of the worker, newest first: what met what')
    .option('--limit <count>', 'at most so many', wholeNumber(LIMIT.least, LIMIT.most), LIMIT.usual)
    .option('--sqlstate <code>', 'only these: 40P01 deadlock, 40001 serialization, 55P03 lock timeout')
    .action(async ({ limit, sqlstate }: Options) => {
      await using db = openDatabase(process.env, { readOnly: true });
      const { rows } = await db.query<Kept>(KEPT, [sqlstate ?? null, limit]);
      const shown = rows.map(explained);
      const { terminal } = context;
      if (terminal.format === 'json') return terminal.list(shown, []);
      if (shown.length > 0) terminal.list(shown.map(rowOf), COLUMNS);
      terminal.note(`${shown.length} shown; -o json tells all of each`);
    });
}

const COLUMNS = [
  { title: 'WHEN', field: 'occurredAt' },
  { title: 'SQLSTATE', field: 'sqlstate' },
  { title: 'OWNER', field: 'owner' },
  { title: 'COMMANDS', field: 'commands' },
  { title: 'ON', field: 'on' },
  { title: 'STATEMENT', field: 'statement' },
  { title: 'OTHER', field: 'other' },
  { title: 'ITS-STATEMENT', field: 'otherStatement' },
] as const;

type Explained = Kept & {
  readonly relation: string | null;
  readonly row: string | null;
  /** The victim's. */
  readonly statement: string | null;
  readonly parties: readonly DeadlockParty[];
};

/** With both sides of it, as far as the server told. */
function explained(kept: Kept): Explained {
  const { lockDetail, lockContext, others, owner } = kept;
  const place = PLACE.exec(lockContext)?.groups;
  const statement = STATEMENT.exec(lockContext)?.groups?.['text'] ?? null;
  const known = new Map(others.map((other) => [other.pid, other]));
  // The victim's session does something else by the time that the worker keeps this.
  const [victim] = lockParties(lockDetail, () => ({ statement, applicationName: owner }));
  const parties = lockParties(lockDetail, (pid) => {
    if (pid === victim?.backendPid) return { statement, applicationName: owner };
    const other = known.get(pid);
    return { statement: other?.statement ?? null, applicationName: other?.application ?? null };
  });
  return { ...kept, relation: place?.['relation'] ?? null, row: place?.['row'] ?? null, statement, parties };
}

function rowOf({ occurredAt, sqlstate, owner, commandIds, relation, row, statement, parties }: Explained) {
  const [first = '', ...more] = commandIds;
  const other = parties.find(({ isVictim }) => !isVictim) ?? null;
  return {
    occurredAt,
    sqlstate,
    owner,
    commands: more.length === 0 ? first : `${first} +${more.length}`,
    on: relation === null ? '' : `${relation} ${row}`,
    statement: cell(statement),
    other: other === null ? '' : `${other.applicationName ?? ''} (${other.backendPid})`,
    otherStatement: cell(other?.statement ?? null),
  };
}

function cell(text: string | null): string {
  const line = (text ?? '').replaceAll(/\s+/g, ' ').trim();
  return line.length <= CELL_CHARACTERS ? line : `${line.slice(0, CELL_CHARACTERS - 1)}…`;
}
