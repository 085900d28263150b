import type { ListAnswer } from '@tradestream/answers';
import { openSession, type ReadOptions, type ReadPreference, type Session } from '@tradestream/client';
import { Command, Option } from 'commander';
import type { CliContext } from '../cli-context.ts';
import { CliFailure } from '../output/exit-code.ts';
import type { Column } from '../output/terminal.ts';
import { TIME, time, wholeNumber } from './arguments.ts';

type Row = Readonly<Record<string, unknown>>;
type Filters = {
  readonly symbol?: string;
  readonly user?: string;
  readonly order?: string;
  readonly status?: 'open' | 'partially_filled' | 'filled' | 'cancelled';
  readonly from?: string;
  readonly to?: string;
  readonly limit?: number;
  readonly cursor?: string;
  readonly all?: boolean;
  readonly preference?: ReadPreference;
  readonly token?: string;
};
/** Pages that `--all` reads at most: a bound, not a wish. */
const PAGES_MAX = 10_000;

const number = (title: string, field: string): Column => ({ title, field, align: 'right' });
const text = (title: string, field: string): Column => ({ title, field });
const sided = [
  text('SYMBOL', 'symbol'),
  text('SIDE', 'side'),
  number('PRICE', 'price'),
  number('QUANTITY', 'quantity'),
];

export function tradesCommand(context: CliContext): Command {
  const columns = [text('TIMESTAMP', 'timestamp'), text('ORDER', 'orderId'), text('USER', 'userId'), ...sided];
  return listCommand('trades', 'orders that have executed, newest first').action(async (filters: Filters) => {
    await list(context, { filters, columns, read: (session, filter, how) => session.trades(filter, how) });
  });
}

export function fillsCommand(context: CliContext): Command {
  const columns = [
    text('TIMESTAMP', 'timestamp'),
    text('TRADE', 'tradeId'),
    text('ORDER', 'orderId'),
    text('USER', 'userId'),
  ];
  return listCommand('fills', 'both sides of each trade, newest first').action(async (filters: Filters) => {
    const all = [...columns, ...sided, number('COST', 'cost')];
    await list(context, { filters, columns: all, read: (session, filter, how) => session.fills(filter, how) });
  });
}

export function ordersCommand(context: CliContext): Command {
  const columns = [text('PLACED', 'placedAt'), text('ORDER', 'orderId'), text('USER', 'userId'), ...sided];
  return listCommand('orders', 'orders, newest first; or one')
    .argument('[id]', 'one order')
    .addOption(new Option('--status <status>').choices(['open', 'partially_filled', 'filled', 'cancelled']))
    .action(async (orderId: string | undefined, filters: Filters) => {
      if (orderId !== undefined) return await one(context, orderId, filters);
      const all = [...columns, number('FILLED', 'filled'), number('HOLD', 'hold'), text('STATUS', 'status')];
      await list(context, { filters, columns: all, read: (session, filter, how) => session.orders(filter, how) });
    });
}

export function candlesCommand(context: CliContext): Command {
  const prices = ['open', 'high', 'low', 'close', 'volume', 'quoteVolume', 'count'];
  const columns = [text('MINUTE', 'minute'), ...prices.map((field) => number(field.toUpperCase(), field))];
  return listCommand('candles', 'prices and volumes by minute, oldest first', { symbol: 'required' }).action(
    async (filters: Filters) => {
      const { symbol = '' } = filters;
      await list(context, {
        filters,
        columns,
        read: (session, filter, how) => session.candles({ ...filter, symbol }, how),
      });
    },
  );
}

export function balancesCommand(context: CliContext): Command {
  return new Command('balances')
    .description('what a user owns')
    .argument('<user>')
    .addOption(preferenceOption())
    .option('--token <token>', 'consistency token of an earlier answer')
    .action(async (userId: string, filters: Filters) => {
      const session = openSession(await context.gateway(), filters.token);
      const { balances } = await session.balances(userId, readOptions(context, filters));
      context.terminal.list(balances, [
        text('ASSET', 'asset'),
        number('AVAILABLE', 'available'),
        number('HELD', 'held'),
      ]);
      context.terminal.note(`served by ${session.servedBy ?? 'an unnamed node'}`);
    });
}

type List = {
  readonly filters: Filters;
  readonly columns: readonly Column[];
  readonly read: (
    session: Session,
    filter: Readonly<Record<string, string | number | undefined>>,
    how: ReadOptions,
  ) => Promise<ListAnswer<Row>>;
};

async function list(context: CliContext, { filters, columns, read }: List): Promise<void> {
  const { symbol, user: userId, order: orderId, status, from, to, limit } = filters;
  const session = openSession(await context.gateway(), filters.token);
  const rows: Row[] = [];
  let cursor = filters.cursor;
  for (let pages = 0; pages < PAGES_MAX; pages += 1) {
    const filter = defined({ symbol, userId, orderId, status, from, to, limit, cursor });
    const page = await read(session, filter, readOptions(context, filters));
    rows.push(...page.items);
    cursor = page.nextCursor ?? undefined;
    if (filters.all !== true || cursor === undefined) break;
  }
  context.terminal.list(rows, columns);
  context.terminal.note(
    `served by ${session.servedBy ?? 'an unnamed node'}${cursor === undefined ? '' : `; more with --cursor ${cursor}`}`,
  );
}

async function one(context: CliContext, orderId: string, filters: Filters): Promise<void> {
  const session = openSession(await context.gateway(), filters.token);
  const order = await session.order(orderId, readOptions(context, filters));
  if (order === null) throw new CliFailure(`no order ${orderId}`);
  context.terminal.object(order);
  context.terminal.note(`served by ${session.servedBy ?? 'an unnamed node'}`);
}

function listCommand(name: string, description: string, options: { readonly symbol?: 'required' } = {}): Command {
  const command = new Command(name).description(description);
  if (options.symbol === 'required') command.requiredOption('--symbol <symbol>', 'as BTC-USD');
  else command.option('--symbol <symbol>', 'as BTC-USD').option('--user <id>').option('--order <id>');
  return command
    .option('--from <time>', `inclusive, ${TIME}`, time)
    .option('--to <time>', 'exclusive', time)
    .option('--limit <count>', 'rows of a page', wholeNumber(1, 1_000))
    .option('--cursor <cursor>', 'where the page before ended')
    .option('--all', 'all pages', false)
    .option('--token <token>', 'consistency token of an earlier answer')
    .addOption(preferenceOption());
}

function preferenceOption(): Option {
  return new Option('--preference <node>', 'which node may answer').choices(['primary', 'secondary', 'nearest']);
}

function readOptions(context: CliContext, { preference }: Filters): ReadOptions {
  return { signal: context.signal, ...(preference === undefined ? {} : { preference }) };
}

function defined(
  filter: Readonly<Record<string, string | number | undefined>>,
): Readonly<Record<string, string | number>> {
  return Object.fromEntries(
    Object.entries(filter).filter((entry): entry is [string, string | number] => entry[1] !== undefined),
  );
}
