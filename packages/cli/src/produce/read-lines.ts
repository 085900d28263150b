import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';

export type TextLine = { readonly line: number; readonly text: string };

/** A line longer than any command is no command; the rest of it is skipped. */
const LINE_CHARACTERS_MAX = 65_536;

/** Non-blank lines of a file with their numbers from 1; memory stays small whatever the file holds. */
export async function* readLines(file: string): AsyncGenerator<TextLine> {
  let rest = '';
  let line = 0;
  for await (const chunk of createReadStream(file, { encoding: 'utf8' })) {
    const parts = (rest + String(chunk)).split('\n');
    rest = parts.pop() ?? '';
    if (rest.length > LINE_CHARACTERS_MAX) rest = rest.slice(0, LINE_CHARACTERS_MAX);
    for (const part of parts) {
      line += 1;
      const text = part.trim();
      if (text !== '') yield { line, text: text.slice(0, LINE_CHARACTERS_MAX) };
    }
  }
  const text = rest.trim();
  if (text !== '') yield { line: line + 1, text };
}

/** SHA-256 of the file's bytes in hex, and how many non-blank lines it has. */
export async function measureFile(file: string): Promise<{ readonly sha256: string; readonly lineCount: number }> {
  const hash = createHash('sha256');
  let lineCount = 0;
  let isBlank = true;
  for await (const chunk of createReadStream(file)) {
    const bytes = chunk as Buffer; // no encoding was asked for, so chunks are buffers
    hash.update(bytes);
    for (const byte of bytes) {
      if (byte === 0x0a) isBlank = true;
      else if (isBlank && byte > 0x20) {
        isBlank = false;
        lineCount += 1;
      }
    }
  }
  return { sha256: hash.digest('hex'), lineCount };
}
