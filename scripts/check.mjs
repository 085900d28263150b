import { ensureInstalled, runNode, runTool } from './project.mjs';

// Types, lint, format, layers and cycles, dead code, and generated files that must not be stale.

const FOLDERS = ['packages', 'services', 'test', 'bench', 'scripts'];
const CHECKS = {
  types: () => runTool('tsc', ['--noEmit']),
  lint: () => runTool('oxlint', ['--type-aware', '--deny-warnings', ...FOLDERS]),
  format: () => runTool('biome', ['ci', '--reporter=summary', '.']),
  layers: () => runTool('depcruise', ['--config', '.dependency-cruiser.json', ...FOLDERS]),
  'dead code': () => runTool('knip', ['--no-progress']),
  'generated types': () => runNode(['scripts/generate-avro-types.ts', '--check']),
  'generated tables': () => runNode(['scripts/generate-docs.ts', '--check']),
};

await ensureInstalled();
const failed = [];
for (const [name, check] of Object.entries(CHECKS)) {
  process.stdout.write(`== ${name}\n`);
  if ((await check()) !== 0) failed.push(name);
}
process.stdout.write(failed.length === 0 ? 'all checks hold\n' : `does not hold: ${failed.join(', ')}\n`);
process.exitCode = failed.length === 0 ? 0 : 1;
