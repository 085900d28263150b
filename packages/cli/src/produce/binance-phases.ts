import { fileCommandId, tradeCommandId } from '@tradestream/contracts';
import type { TradeCommand } from '@tradestream/trading';
import { BINANCE_COLUMNS, type BinanceTrade, fundingOf, parseBinanceTrade, tradingOf } from './binance-trade.ts';
import type { InputItem, InputPhase } from './input-item.ts';
import { measureFile, readLines } from './read-lines.ts';

/**
 * A CSV file of executed trades as two phases: what the users must own, for all trades, and then
 * each trade's orders and execution in the file's order. Deposits go under the users' keys and
 * orders under the symbol's, so only the receipts between the phases order the two.
 */
export async function binancePhases(file: string): Promise<readonly InputPhase[]> {
  const { sha256, lineCount } = await measureFile(file);
  const trades = Math.max(0, lineCount - 1);
  return [
    {
      file,
      sha256,
      name: 'deposits',
      commandCount: trades * 2,
      items: () => itemsOf(file, (trade, line) => identified(sha256, { line, nth: 1 }, fundingOf(trade)), true),
    },
    {
      file,
      sha256,
      name: 'orders and trades',
      commandCount: trades * 3,
      items: () => itemsOf(file, (trade, line) => identified(sha256, { line, nth: 3 }, tradingOf(trade)), false),
    },
  ];
}

/** Problems are told in the first phase only: both phases read the same lines. */
async function* itemsOf(
  file: string,
  commandsOf: (trade: BinanceTrade, line: number) => readonly InputItem[],
  tellProblems: boolean,
): AsyncGenerator<InputItem> {
  for await (const { line, text } of readLines(file)) {
    if (line === 1) {
      const isHeader = text === BINANCE_COLUMNS.join(',');
      if (!isHeader && tellProblems) yield { ok: false, line, field: 'header', rule: `${BINANCE_COLUMNS.join(',')}` };
      continue;
    }
    const parsed = parseBinanceTrade(text);
    if (parsed.ok) yield* commandsOf(parsed.trade, line);
    else if (tellProblems) yield { ok: false, line, field: parsed.field, rule: parsed.rule };
  }
}

function identified(
  sha256: string,
  from: { readonly line: number; readonly nth: number },
  commands: readonly TradeCommand[],
): readonly InputItem[] {
  return commands.map((command, index) => ({
    ok: true,
    line: from.line,
    commandId:
      command.type === 'ExecuteTrade'
        ? tradeCommandId(command.symbol, command.tradeId)
        : fileCommandId(sha256, from.line, from.nth + index),
    command,
  }));
}
