import { fileCommandId, parseCommandJson, tradeCommandId } from '@tradestream/contracts';
import type { InputItem, InputPhase } from './input-item.ts';
import { measureFile, readLines, type TextLine } from './read-lines.ts';

/** A file with one command a line as a single phase. */
export async function ndjsonPhase(file: string): Promise<InputPhase> {
  const { sha256, lineCount } = await measureFile(file);
  return { file, sha256, name: file, commandCount: lineCount, items: () => itemsOf(file, sha256) };
}

async function* itemsOf(file: string, sha256: string): AsyncGenerator<InputItem> {
  for await (const line of readLines(file)) yield itemOf(line, sha256);
}

function itemOf({ line, text }: TextLine, sha256: string): InputItem {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { ok: false, line, field: 'line', rule: 'a JSON object' };
  }
  const parsed = parseCommandJson(value);
  if (!parsed.ok) return { ok: false, line, field: parsed.field, rule: parsed.rule };
  const { command } = parsed;
  const made =
    command.type === 'ExecuteTrade' ? tradeCommandId(command.symbol, command.tradeId) : fileCommandId(sha256, line);
  return { ok: true, line, commandId: parsed.commandId ?? made, command };
}
