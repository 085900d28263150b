import { errorOf } from '@tradestream/runtime';

/** One line of the doctor: what was looked at, how it is, and how to mend it where it is not well. */
export type Finding = {
  readonly part: string;
  readonly check: string;
  readonly status: 'OK' | 'WARN' | 'FAIL';
  readonly found: string;
  readonly mend: string;
};

/** The lines of one part. */
export class Findings {
  readonly #part: string;
  readonly lines: Finding[] = [];

  constructor(part: string) {
    this.#part = part;
  }

  ok(check: string, found: string): void {
    this.#add('OK', check, { found, mend: '' });
  }

  /** Nothing is lost by it now. */
  warn(check: string, found: string, mend: string): void {
    this.#add('WARN', check, { found, mend });
  }

  /** It does not work, or loses what was acknowledged. */
  fail(check: string, found: string, mend: string): void {
    this.#add('FAIL', check, { found, mend });
  }

  #add(status: Finding['status'], check: string, { found, mend }: Pick<Finding, 'found' | 'mend'>): void {
    this.lines.push({ part: this.#part, check, status, found, mend });
  }
}

/** Examines a part; one that cannot be examined is a finding itself, and the others are examined all the same. */
export async function examinePart(
  part: string,
  mendReach: string,
  examine: (findings: Findings) => Promise<void>,
): Promise<readonly Finding[]> {
  const findings = new Findings(part);
  try {
    await examine(findings);
  } catch (error) {
    // A part that has answered something can be reached.
    const isAway = findings.lines.length === 0;
    const mend = isAway
      ? mendReach
      : 'mend what the message names and run this again: the checks behind it were not made';
    findings.fail(isAway ? 'reachable' : 'examined', errorOf(error).message, mend);
  }
  return findings.lines;
}
