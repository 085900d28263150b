/** One line of the doctor: what was looked at, how it is, and how to mend it where it is not well. */
export type Finding = {
  readonly check: string;
  readonly status: 'OK' | 'WARN' | 'FAIL';
  readonly found: string;
  readonly mend: string;
};

export function ok(check: string, found: string): Finding {
  return { check, status: 'OK', found, mend: '' };
}

export function warn(check: string, found: string, mend: string): Finding {
  return { check, status: 'WARN', found, mend };
}

export function fail(check: string, found: string, mend: string): Finding {
  return { check, status: 'FAIL', found, mend };
}
