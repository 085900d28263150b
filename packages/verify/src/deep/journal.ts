import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { errorOf } from '@tradestream/runtime';
import { VerifyError } from '../errors.ts';

type JournalCode = 'JOURNAL_UNREADABLE' | 'FAULTS_UNREADABLE';

/**
 * Entries of a file with one JSON object a line; empty lines are left out. `entryOf` answers null for
 * what is no entry.
 * @throws {VerifyError} `code`, with the line
 */
export async function readJournal<Entry>(
  file: string,
  options: {
    readonly code: JournalCode;
    readonly entryOf: (fields: Readonly<Record<string, unknown>>) => Entry | null;
  },
): Promise<readonly Entry[]> {
  const { code, entryOf } = options;
  const entries: Entry[] = [];
  let number = 0;
  try {
    for await (const line of createInterface({ input: createReadStream(file, 'utf8') })) {
      number += 1;
      if (line.trim() === '') continue;
      const entry = entryOf(fieldsOf(line));
      if (entry === null) throw new VerifyError(code, { detail: `${file}:${number} is no entry` });
      entries.push(entry);
    }
  } catch (error) {
    if (error instanceof VerifyError) throw error;
    throw new VerifyError(code, { cause: error, detail: errorOf(error).message });
  }
  return entries;
}

/** None for what is no JSON object. */
function fieldsOf(line: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
