import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

/** A process by itself: says whether the parser was read, and the memory held at most, before and after a first use. */
let parserReads = 0;
fs.readFileSync = new Proxy(fs.readFileSync, {
  apply(read, self, parameters: Parameters<typeof fs.readFileSync>) {
    if (String(parameters[0]).endsWith('libpg-query.wasm')) parserReads += 1;
    return Reflect.apply(read, self, parameters);
  },
});
syncBuiltinESMExports();

const { QueryOptimizer } = await import('@tradestream/database');
const imported = reading();
const rewritten = new QueryOptimizer().optimize('SELECT id FROM trades WHERE id = 1 OR id = 2 OR id = 3');
process.stdout.write(JSON.stringify({ imported, rewritten, used: reading() }));

function reading() {
  return { parserReads, heldMb: process.resourceUsage().maxRSS / 1024 };
}
