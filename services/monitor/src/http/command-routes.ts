import { normaliseUuid, type Topics } from '@tradestream/contracts';
import { type FastifyInstance, HttpProblem } from '@tradestream/runtime';
import { askPrimary } from '../sources/ask-primary.ts';
import type { NodeLink } from '../sources/node-link.ts';
import { answering } from './parameters.ts';

export type CommandRoutesOptions = {
  readonly primary: () => NodeLink | null;
  readonly replica: () => NodeLink | null;
  readonly topics: Topics;
};

type Found = {
  readonly receipt: { readonly partition: number; readonly seq: number | null } | null;
  readonly event: object | null;
  readonly parked: object | null;
  readonly conflicts: number;
};

const COMMAND = `
  SELECT
    (SELECT jsonb_build_object('topic', $2::text, 'partition', r.partition, 'offset', r."offset", 'batch', r.batch,
        'index', r.index, 'seq', r.seq, 'outcome', r.outcome, 'reason', r.reason)
      FROM ledger.every_receipt AS r WHERE r.command_id = $1) AS receipt,
    (SELECT jsonb_build_object('partition', e.partition, 'seq', e.seq, 'type', e.type, 'occurredAt', e.occurred_at, 'removed', e.removed)
      FROM ledger.every_receipt AS r JOIN ledger.every_event AS e ON e.partition = r.partition AND e.seq = r.seq
      WHERE r.command_id = $1) AS event,
    (SELECT jsonb_build_object('reason', p.reason, 'message', p.message, 'status', p.status, 'attempts', p.attempts)
      FROM ledger.parked AS p WHERE p.command_id = $1 ORDER BY p.id DESC LIMIT 1) AS parked,
    (SELECT count(*)::int FROM ledger.conflicts AS c WHERE c.command_id = $1) AS conflicts`;

const VIEWS = `
  SELECT projection, seq >= $2 AS visible FROM views.positions
  WHERE partition = $1
  ORDER BY projection`;

/** A command's whole way by its id: record, receipt, event, and which views show it, on which node. */
export function addCommandRoutes(app: FastifyInstance, options: CommandRoutesOptions): void {
  const { primary, replica, topics } = options;
  app.get<{ Params: { id: string } }>('/v1/commands/:id', { config: { role: 'reader' } }, async ({ params }) => {
    const commandId = normaliseUuid(params.id);
    if (commandId === null)
      throw new HttpProblem({ status: 400, code: 'INVALID_PARAMETER', title: 'id: a command id is a UUID' });
    const [found] = await answering(() =>
      askPrimary<Found>(primary, { text: COMMAND, values: [commandId, topics.commands] }),
    );
    if (found === undefined || (found.receipt === null && found.parked === null)) {
      throw new HttpProblem({ status: 404, code: 'COMMAND_NOT_FOUND', title: `nothing is known of ${commandId}` });
    }
    const node = replica() ?? primary();
    const { receipt } = found;
    const views =
      receipt === null || receipt.seq === null || node === null
        ? []
        : await answering(() => node.query({ text: VIEWS, values: [receipt.partition, receipt.seq] }));
    return { commandId, ...found, views, servedBy: node?.name ?? '' };
  });
}
