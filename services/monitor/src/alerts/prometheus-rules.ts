import type { Rule } from './rule.ts';

/** The same rules for those who scrape `/metrics`: the figures have the same names there. Rules have no hysteresis in Prometheus. */
export function prometheusRules(rules: readonly Rule[]): string {
  const lines = rules.flatMap((rule) => [
    `      - alert: ${rule.name}`,
    `        expr: '${expressionOf(rule)}'`,
    `        for: ${rule.forSeconds}s`,
    `        keep_firing_for: ${rule.keepSeconds}s`,
    '        labels:',
    `          severity: ${rule.severity}`,
    '        annotations:',
    `          summary: '${rule.summary.replaceAll(/\{(\w+)\}/g, (_, name: string) => templateOf(name))}'`,
    `          runbook_url: 'docs/operations/${rule.runbook}.md'`,
  ]);
  return ['groups:', '  - name: tradestream', '    rules:', ...lines, ''].join('\n');
}

function templateOf(name: string): string {
  if (name === 'value') return '{{ $value | humanize }}';
  return name === 'percent' ? '{{ $value | humanizePercentage }}' : `{{ $labels.${name} }}`;
}

function expressionOf({ metric, where = {}, is, value }: Rule): string {
  const matchers = Object.entries(where).map(([label, text]) => `${label}="${text}"`);
  const series = matchers.length === 0 ? metric : `${metric}{${matchers.join(',')}}`;
  switch (is) {
    case 'above':
      return `${series} > ${value}`;
    case 'below':
      return `${series} < ${value}`;
    case 'equal':
      return `${series} == ${value}`;
    case 'absent':
      return `absent(${series})`;
  }
}
