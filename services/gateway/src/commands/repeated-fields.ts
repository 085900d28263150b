const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/**
 * Fields that occur twice within one object: `JSON.parse` keeps the last and says nothing, so two
 * readers of the same text could see two commands. Takes text that `JSON.parse` accepts, an object
 * or an array of objects, and answers with the first such field by the object's index in the array
 * (0 for a single object). Fields below the top of an object are left alone: no command has any.
 */
export function findRepeatedFields(text: string): ReadonlyMap<number, string> {
  const repeated = new Map<number, string>();
  const fieldDepth = text.trimStart().startsWith('[') ? 2 : 1;
  let seen = new Set<string>();
  let depth = 0;
  let index = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      const end = endOfString(text, at);
      if (depth === fieldDepth && isFieldName(text, end)) {
        const name = fieldName(text.slice(at, end + 1));
        if (seen.has(name) && !repeated.has(index)) repeated.set(index, name);
        seen.add(name);
      }
      at = end;
    } else if (code === 0x7b || code === 0x5b) {
      depth += 1;
      if (depth === fieldDepth) seen = new Set();
    } else if (code === 0x7d || code === 0x5d) {
      depth -= 1;
    } else if (code === 0x2c && depth === 1 && fieldDepth === 2) {
      index += 1;
    }
  }
  return repeated;
}

function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text.charCodeAt(at) !== QUOTE) at += text.charCodeAt(at) === BACKSLASH ? 2 : 1;
  return at;
}

function isFieldName(text: string, end: number): boolean {
  let at = end + 1;
  while (text.charCodeAt(at) <= 0x20) at += 1;
  return text.charCodeAt(at) === 0x3a;
}

function fieldName(quoted: string): string {
  return quoted.includes('\\') ? String(JSON.parse(quoted)) : quoted.slice(1, -1);
}
