import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { dts } from 'rolldown-plugin-dts';

// The package as it is published: one module and its types in dist/, with what it takes of the runtime in them.
// `npm run build -w packages/database`, then `npm pack ./packages/database/dist`.

const FOLDER = fileURLToPath(new URL('.', import.meta.url));
const DIST = `${FOLDER}dist/`;
const own = JSON.parse(readFileSync(`${FOLDER}package.json`, 'utf8'));
const { '@tradestream/runtime': _inside, ...dependencies } = own.dependencies;

rmSync(DIST, { recursive: true, force: true });
const shared = {
  cwd: FOLDER,
  input: { index: 'src/index.ts' },
  platform: 'node',
  tsconfig: '../../tsconfig.json',
  // Only what is used: importing a module of the runtime does nothing by itself.
  treeshake: { moduleSideEffects: (id) => id.includes('/packages/database/') },
};
const module = await rolldown({ ...shared, external: (id) => isBuiltIn(id) || isDependency(id) });
await module.write({ dir: DIST, format: 'esm', sourcemap: false });
const types = await rolldown({
  ...shared,
  external: isForeign,
  plugins: [dts({ dtsOnly: true, tsc: { eager: true } })],
});
await types.write({ dir: DIST, format: 'esm' });

const published = {
  name: own.name,
  version: own.version,
  description: own.description,
  license: own.license,
  type: 'module',
  engines: { node: '>=24' },
  exports: { '.': { types: './index.d.ts', default: './index.js' } },
  sideEffects: false,
  dependencies,
};
writeFileSync(`${DIST}package.json`, `${JSON.stringify(published, null, 2)}\n`);
copyFileSync(`${FOLDER}README.md`, `${DIST}README.md`);

function isBuiltIn(id) {
  return id.startsWith('node:');
}

function isDependency(id) {
  return Object.keys(dependencies).some((name) => id === name || id.startsWith(`${name}/`));
}

/** Types of anything else may be named by modules of which nothing is used. */
function isForeign(id) {
  return !/^(\.|\/|src\/|@tradestream\/)/.test(id);
}
