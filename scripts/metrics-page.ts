import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FIGURES } from '@tradestream/monitor';

const SERVICES = ['worker', 'projector', 'gateway', 'monitor'] as const;
/** A metric as the code declares it: its kind, and the object literal that describes it. */
const DECLARATION = /\.(counter|gauge|histogram)(?:<[^>]*>)?\(\{([^}]*)\}/g;

/** Each service counts its use of the database by the toolkit's own class. */
const SHARED = ['packages/database/src/metrics/database-usage.ts'];

/** The metrics that each service declares in its source, as docs/metrics.md. */
export function metricsPage(root: string, note: string): string {
  const parts = SERVICES.map((service) => {
    const shared = SHARED.map((file) => readFileSync(join(root, file), 'utf8'));
    const rows = [...sourcesOf(join(root, 'services', service, 'src')), ...shared]
      .flatMap(declarations)
      .concat(service === 'monitor' ? figures() : [])
      .toSorted();
    return `## ${service}\n\n| metric | kind | labels | what it says |\n| --- | --- | --- | --- |\n${rows.join('\n')}`;
  });
  return [
    note,
    '# Metrics',
    '',
    'Each service answers `/metrics` in the Prometheus text format, from memory, with the label `service`, and with the figures of its Node process (`tradestream_process_*`, `tradestream_nodejs_*`).',
    '',
    parts.join('\n\n'),
    '',
  ].join('\n');
}

function sourcesOf(folder: string): readonly string[] {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return files
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .toSorted()
    .map((file) => readFileSync(join(folder, file), 'utf8'));
}

function declarations(source: string): readonly string[] {
  return [...source.matchAll(DECLARATION)].flatMap(([, kind, body = '']) => {
    const name = /name:\s*'([^']+)'/.exec(body)?.[1];
    const help = /help:\s*(?:'([^']*)'|"([^"]*)")/.exec(body);
    if (name === undefined || help === null) return [];
    const labels = /labels:\s*\[([^\]]*)\]/.exec(body)?.[1] ?? '';
    return [`| \`${name}\` | ${kind} | ${labels.replaceAll("'", '').trim()} | ${help[1] ?? help[2] ?? ''} |`];
  });
}

/** The monitor declares what it measures as a table of its own. */
function figures(): readonly string[] {
  return Object.entries(FIGURES).map(
    ([name, { help, labels }]) => `| \`${name}\` | gauge | ${labels.join(', ')} | ${help} |`,
  );
}
