import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { FastifyInstance } from '@tradestream/runtime';

const READER = { config: { role: 'reader' } } as const;
const require = createRequire(import.meta.url);

/** The page asks for nothing outside, runs no inline script, and is in no frame. */
const HEADERS = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ].join('; '),
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-cache',
} as const;

const TYPES = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
} as const;
type Kind = keyof typeof TYPES;

const own = (name: string) => fileURLToPath(new URL(`../../page/${name}`, import.meta.url));
const FILES: readonly { readonly route: string; readonly path: () => string; readonly kind: Kind }[] = [
  { route: '/', path: () => own('index.html'), kind: 'html' },
  ...[
    'dashboard',
    'dom',
    'pipeline',
    'tables',
    'lag',
    'charts',
    'lookup',
    'operator',
    'confirm',
    'parked',
    'jobs',
    'projections',
    'replay',
  ].map((name) => ({
    route: `/assets/${name}.js`,
    path: () => own(`${name}.js`),
    kind: 'js' as const,
  })),
  ...['dashboard', 'pipeline'].map((name) => ({
    route: `/assets/${name}.css`,
    path: () => own(`${name}.css`),
    kind: 'css' as const,
  })),
  { route: '/assets/icon.svg', path: () => own('icon.svg'), kind: 'svg' },
  { route: '/assets/uplot.js', path: () => require.resolve('uplot/dist/uPlot.esm.js'), kind: 'js' },
  { route: '/assets/uplot.css', path: () => require.resolve('uplot/dist/uPlot.min.css'), kind: 'css' },
];

/** The dashboard: its files, read once, from memory. */
export function addPageRoutes(app: FastifyInstance): void {
  for (const { route, path, kind } of FILES) {
    const body = readFileSync(path());
    const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
    app.get(route, READER, async (request, reply) => {
      reply.headers({ ...HEADERS, etag });
      if (request.headers['if-none-match'] === etag) return await reply.code(304).send();
      return await reply.type(TYPES[kind]).send(body);
    });
  }
}
