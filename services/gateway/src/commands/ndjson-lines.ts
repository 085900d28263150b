export type NdjsonLine = { readonly text: string } | { readonly bytes: number };

const NEWLINE = 0x0a;
/** Of what JSON calls whitespace alone. */
const BLANK = /^[ \t\r]*$/;

/**
 * The lines of a byte stream, in groups as they arrive and at most `groupMax` to a group. Blank
 * lines are skipped. A line longer than `lineBytesMax` is dropped while it passes, never kept, and
 * comes out as its length; so memory is bounded whatever is sent.
 */
export async function* ndjsonLines(
  chunks: AsyncIterable<Uint8Array>,
  limits: { readonly lineBytesMax: number; readonly groupMax: number },
): AsyncGenerator<readonly NdjsonLine[]> {
  const { lineBytesMax, groupMax } = limits;
  let kept: Buffer[] = [];
  let keptBytes = 0;
  let group: NdjsonLine[] = [];
  const keep = (part: Buffer) => {
    keptBytes += part.length;
    if (keptBytes <= lineBytesMax) kept.push(part);
    else kept = [];
  };
  const endLine = () => {
    if (keptBytes > lineBytesMax) group.push({ bytes: keptBytes });
    else {
      const text = Buffer.concat(kept).toString('utf8');
      if (!BLANK.test(text)) group.push({ text });
    }
    kept = [];
    keptBytes = 0;
  };
  for await (const chunk of chunks) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE); end !== -1; end = bytes.indexOf(NEWLINE, start)) {
      keep(bytes.subarray(start, end));
      endLine();
      start = end + 1;
      if (group.length >= groupMax) {
        yield group;
        group = [];
      }
    }
    // A copy, so that a short rest of a line does not hold its whole chunk.
    if (start < bytes.length) keep(Buffer.from(bytes.subarray(start)));
    if (group.length > 0) yield group;
    group = [];
  }
  endLine();
  if (group.length > 0) yield group;
}
