import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { StackError } from '../errors.ts';

const VERSION_MIN = 17;

/** The program of JAVA_HOME, else of the PATH. @throws {StackError} STACK_JAVA_MISSING */
export async function findJava(env: Readonly<Record<string, string | undefined>>): Promise<string> {
  const home = env['JAVA_HOME'];
  const java = home === undefined || home === '' ? 'java' : join(home, 'bin', 'java');
  const version = await readVersion(java);
  if (version.major < VERSION_MIN) {
    throw new StackError('STACK_JAVA_MISSING', { context: { java, found: version.text } });
  }
  return java;
}

async function readVersion(java: string): Promise<{ readonly major: number; readonly text: string }> {
  try {
    const { stderr } = await promisify(execFile)(java, ['-version']);
    const text = /version "([^"]+)"/.exec(stderr)?.[1] ?? 'unknown';
    // Before 9 the number that counts was the second: 1.8.0.
    const [first = '0', second = '0'] = text.split('.');
    return { major: Number.parseInt(first === '1' ? second : first, 10) || 0, text };
  } catch (cause) {
    throw new StackError('STACK_JAVA_MISSING', { cause, context: { java } });
  }
}
