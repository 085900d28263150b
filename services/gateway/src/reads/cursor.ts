/** Where a page ended: the sort key of its last row, for the list it belongs to. */
export type Cursor = readonly string[];

const CHARACTERS_MAX = 512;

/**
 * An opaque text for the sort key of a page's last row. It names its list, so that a cursor carried
 * over to another list is refused instead of skipping rows unnoticed.
 */
export function encodeCursor(list: string, key: Cursor): string {
  return Buffer.from(JSON.stringify([list, ...key])).toString('base64url');
}

/** The sort key, or null for a text that is no cursor of this list with `parts` parts. */
export function decodeCursor(list: string, text: string, parts: number): Cursor | null {
  if (text.length > CHARACTERS_MAX || !/^[A-Za-z0-9_-]+$/.test(text)) return null;
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
  } catch {
    return null;
  }
  if (!Array.isArray(value) || value.length !== parts + 1 || value[0] !== list) return null;
  const key: unknown[] = value.slice(1);
  return key.every((part): part is string => typeof part === 'string' && part.length <= 64) ? key : null;
}
