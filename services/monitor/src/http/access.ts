import { timingSafeEqual } from 'node:crypto';
import { type FastifyInstance, type FastifyRequest, HttpProblem, invariant, isLoopback } from '@tradestream/runtime';

/** In rising order: each may do what those before it may. */
export const ROLES = ['reader', 'operator', 'admin'] as const;
export type Role = (typeof ROLES)[number];

export type AccessOptions = {
  /** What the listener is bound to. */
  readonly host: string;
  /** Empty: nobody has the role. */
  readonly tokens: Readonly<Record<Role, string>>;
};

declare module 'fastify' {
  interface FastifyContextConfig {
    readonly role?: Role;
  }
}

/** What the server brings with it; everything else names its role. */
const OPEN_TO_READERS: ReadonlySet<string> = new Set(['/livez', '/readyz', '/metrics']);
const CHANGES_NOTHING: ReadonlySet<string> = new Set(['GET', 'HEAD']);

/** Who a request comes from, for the audit. */
export function actorOf(request: FastifyRequest): string {
  return `${roleGranted.get(request) ?? 'nobody'}@${request.ip}`;
}

const roleGranted = new WeakMap<FastifyRequest, Role>();

/**
 * Refuses what is not allowed, before anything of a request is read. Reading is open on loopback, to
 * pages of this very server only; all else needs a token of the route's role or a higher one.
 */
export function authorizeBy(options: AccessOptions): (request: FastifyRequest) => Promise<void> {
  const loopback = isLoopback(options.host);
  return async (request) => {
    if (loopback) requireLocalName(request);
    const route = request.routeOptions.url ?? '';
    const needed = request.routeOptions.config.role ?? (OPEN_TO_READERS.has(route) ? 'reader' : null);
    const granted = roleOf(request, options.tokens);
    if (granted !== null) roleGranted.set(request, granted);
    if (!CHANGES_NOTHING.has(request.method)) requireOwnOrigin(request);
    if (granted === null && loopback && CHANGES_NOTHING.has(request.method)) {
      if (needed === 'reader' || route === '') return;
    }
    if (granted === null) throw unauthorized();
    if (needed !== null && ROLES.indexOf(granted) >= ROLES.indexOf(needed)) return;
    if (route === '') return; // no such route: the answer is 404
    throw forbidden(needed);
  };
}

/** For what only a look at the thing itself tells: refuses a request of a lower role than this. */
export function requireRole(request: FastifyRequest, needed: Role): void {
  const granted = roleGranted.get(request);
  if (granted === undefined || ROLES.indexOf(granted) < ROLES.indexOf(needed)) throw forbidden(needed);
}

/** Default deny: a route that does not name its role ends the start of the service. */
export function requireRoles(app: FastifyInstance): void {
  app.addHook('onRoute', (route) => {
    const named = ROLES.some((role) => role === route.config?.role);
    invariant(named, `route ${String(route.method)} ${route.url} names no role`);
  });
}

function roleOf(request: FastifyRequest, tokens: AccessOptions['tokens']): Role | null {
  const given = Buffer.from(request.headers.authorization ?? '');
  if (given.length === 0) return null;
  const role = ROLES.filter((each) => tokens[each] !== '').findLast((each) => {
    const expected = Buffer.from(`Bearer ${tokens[each]}`);
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
  if (role === undefined) throw unauthorized();
  return role;
}

/** A page elsewhere that has its name resolve to this machine is not this machine's page. */
function requireLocalName(request: FastifyRequest): void {
  const name = (request.headers.host ?? '').replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  if (isLoopback(name)) return;
  throw new HttpProblem({ status: 403, code: 'HOST_REFUSED', title: 'this server answers to loopback names only' });
}

/** A browser names the page that sends a change; only pages of this server may. */
function requireOwnOrigin(request: FastifyRequest): void {
  const { origin, host } = request.headers;
  if (origin === undefined || (URL.canParse(origin) && new URL(origin).host === host)) return;
  throw new HttpProblem({ status: 403, code: 'ORIGIN_REFUSED', title: 'changes come from pages of this server only' });
}

function forbidden(needed: Role | null): HttpProblem {
  return new HttpProblem({ status: 403, code: 'FORBIDDEN', title: `this needs the role ${needed ?? 'of no one'}` });
}

function unauthorized(): HttpProblem {
  return new HttpProblem({
    status: 401,
    code: 'TOKEN_REQUIRED',
    title: 'this needs a valid bearer token',
    headers: { 'www-authenticate': 'Bearer' },
  });
}
