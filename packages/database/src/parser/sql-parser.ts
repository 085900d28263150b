import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { type Context, compileFunction, createContext, runInContext } from 'node:vm';
import type * as LibPgQuery from 'libpg-query';

/** PostgreSQL's own parser. */
export type SqlParser = Pick<typeof LibPgQuery, 'parseSync' | 'scanSync' | 'fingerprintSync'>;

type CommonModule = { exports: unknown };

let loaded: SqlParser | null = null;

/**
 * The parser, loaded when it is first asked for: it is 13 MB and some 30 ms that most processes never need.
 * It answers at once, as the guide's calls do.
 */
export function sqlParser(): SqlParser {
  loaded ??= load();
  return loaded;
}

/**
 * PostgreSQL's grammar is one function of 100 kB, with a loop that spends V8's budget in the first statements.
 * The optimizing compiler then takes 540 MB for it, in a process that held 60, and the parser gets no faster:
 * that function is compiled without being watched. What is compiled later is watched as ever.
 */
function load(): SqlParser {
  setFlagsFromString('--no-wasm-tier-up --no-wasm-dynamic-tiering');
  try {
    const parser = loadAtOnce();
    parser.parseSync('SELECT 1');
    return parser;
  } finally {
    setFlagsFromString('--wasm-tier-up --wasm-dynamic-tiering');
  }
}

/** The one thing that the package waits for which is not there at once. */
const INSTANTIATE_AT_ONCE = `WebAssembly.instantiate = (bytes, imports) => {
  const module = new WebAssembly.Module(bytes);
  return { module, instance: new WebAssembly.Instance(module, imports) };
};`;

/**
 * The package offers its parser behind a promise alone. In a context with microtasks of its own they have run when a
 * script has, before the caller goes on. Errors are those of this process, so that `instanceof` holds.
 */
function loadAtOnce(): SqlParser {
  const globals = { process, console, TextDecoder, JSON, Error };
  const context = createContext(globals, { microtaskMode: 'afterEvaluate' });
  runInContext(INSTANTIATE_AT_ONCE, context);
  const parser = loadCommon(createRequire(import.meta.url).resolve('libpg-query'), context);
  runInContext('', context);
  // What the package's types say of it.
  return parser as SqlParser;
}

/** As Node loads a CommonJS module, in that context. */
function loadCommon(file: string, context: Context): unknown {
  const module: CommonModule = { exports: {} };
  const folder = dirname(file);
  const require = createRequire(file);
  const parameters = ['module', 'exports', 'require', '__dirname', '__filename'];
  const run = compileFunction(readFileSync(file, 'utf8'), parameters, { filename: file, parsingContext: context });
  const requireHere = (name: string): unknown =>
    name.startsWith('.') ? loadCommon(join(folder, name), context) : require(name);
  run(module, module.exports, requireHere, folder, file);
  return module.exports;
}
