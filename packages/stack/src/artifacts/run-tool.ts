import { execFile } from 'node:child_process';
import { StackError } from '../errors.ts';

const OUTPUT_LINES = 12;
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;
const TOOL_MS = 15 * 60_000;

export type ToolRun = {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly signal?: AbortSignal | undefined;
  /** The error when the program is not there. */
  readonly missing: 'STACK_MAVEN_MISSING' | 'STACK_JAVA_MISSING' | 'STACK_TOOL_MISSING';
};

/**
 * Runs a program to its end; its output when it succeeds.
 * @throws {StackError} the `missing` code, or STACK_FETCH_FAILED with the last lines it wrote
 */
export async function runTool(run: ToolRun): Promise<string> {
  const { command, args, cwd, signal } = run;
  return await new Promise((resolve, reject) => {
    execFile(
      command,
      [...args],
      {
        cwd,
        maxBuffer: OUTPUT_BYTES_MAX,
        timeout: TOOL_MS,
        killSignal: 'SIGKILL',
        ...(signal === undefined ? {} : { signal }),
      },
      (error, stdout, stderr) => {
        if (error === null) return resolve(stdout);
        if (error.code === 'ENOENT')
          return reject(new StackError(run.missing, { cause: error, context: { program: command } }));
        const lines = `${stdout}\n${stderr}`.split('\n').filter((line) => line.trim() !== '');
        const errors = lines.filter((line) => /error/i.test(line)); // both tools mark the lines that matter
        const tail = (errors.length > 0 ? errors : lines).slice(0, OUTPUT_LINES).join('\n  ');
        reject(
          new StackError('STACK_FETCH_FAILED', {
            cause: error,
            context: { program: command, exitCode: error.code ?? error.signal },
            detail: `it says\n  ${tail}\n`,
          }),
        );
      },
    );
  });
}
