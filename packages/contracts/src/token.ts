/**
 * What a reader has seen. Readers pass it on unread; two may be merged. `seqs` proves freshness of
 * views, `lsn` on `timeline` of `systemId` that of raw SQL.
 */
export type Token = {
  /** Highest seq seen, by partition. */
  readonly seqs: Readonly<Record<number, number>>;
  readonly systemId?: string;
  readonly timeline?: number;
  /** As PostgreSQL writes it: two hexadecimal halves with a slash. */
  readonly lsn?: string;
};

const TEXT_MAX = 8192;
const PARTITIONS_MAX = 1024;
const LSN = /^[0-9A-F]{1,8}\/[0-9A-F]{1,8}$/;
const SYSTEM_ID = /^[0-9]{1,20}$/;
const PARTITION = /^(0|[1-9][0-9]{0,5})$/;

/** The token as text for a header: base64url of JSON with partitions in order, so that equal tokens are equal texts. */
export function encodeToken(token: Token): string {
  const { seqs, systemId, timeline, lsn } = token;
  return Buffer.from(JSON.stringify({ s: seqs, i: systemId, t: timeline, l: lsn })).toString('base64url');
}

/** The token, or null for whatever is none: a text is bounded before it is parsed. */
export function decodeToken(text: string): Token | null {
  if (text.length > TEXT_MAX || !/^[A-Za-z0-9_-]+$/.test(text)) return null;
  const fields = parseObject(Buffer.from(text, 'base64url').toString('utf8'));
  if (fields === null) return null;
  const { s: seqs, i: systemId, t: timeline, l: lsn } = fields;
  if (!areSeqs(seqs)) return null;
  if (systemId !== undefined && !(typeof systemId === 'string' && SYSTEM_ID.test(systemId))) return null;
  if (timeline !== undefined && !isCount(timeline)) return null;
  if (lsn !== undefined && !(typeof lsn === 'string' && LSN.test(lsn))) return null;
  return {
    seqs,
    ...(systemId === undefined ? {} : { systemId }),
    ...(timeline === undefined ? {} : { timeline }),
    ...(lsn === undefined ? {} : { lsn }),
  };
}

/**
 * A token that asks for what both ask for: the higher seq of each partition, and of the two LSNs the
 * later one, a higher timeline being later whatever its LSN. The order of merging does not matter.
 */
export function mergeTokens(left: Token, right: Token): Token {
  const seqs: Record<number, number> = { ...left.seqs };
  for (const [partition, seq] of Object.entries(right.seqs)) {
    const known = seqs[Number(partition)];
    if (known === undefined || seq > known) seqs[Number(partition)] = seq;
  }
  const { seqs: _, ...position } = isLater(right, left) ? right : left;
  return { seqs, ...position };
}

function isLater(token: Token, other: Token): boolean {
  const [mine, theirs] = [rank(token), rank(other)];
  for (const [index, part] of mine.entries()) {
    const against = theirs[index] ?? 0n;
    if (part !== against) return part > against;
  }
  return false;
}

function rank(token: Token): readonly bigint[] {
  const { systemId = '-1', timeline = -1, lsn } = token;
  const [high = '0', low = '0'] = (lsn ?? '').split('/');
  const position = lsn === undefined ? -1n : (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
  return [BigInt(systemId), BigInt(timeline), position];
}

function parseObject(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

function areSeqs(value: unknown): value is Readonly<Record<number, number>> {
  if (!isObject(value)) return false;
  const entries = Object.entries(value);
  return entries.length <= PARTITIONS_MAX && entries.every(([key, seq]) => PARTITION.test(key) && isCount(seq));
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
