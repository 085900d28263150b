import type { Endpoints, ServiceName } from '../stack.ts';

/** Where a service connects, as its own role. */
export type ServiceEndpoints = {
  readonly databaseUrl: string;
  readonly replicaUrls: Readonly<Record<string, string>>;
};

/** The primary and the replicas with the credentials that the service's own URL has. */
export function endpointsOfService(endpoints: Endpoints, service: ServiceName): ServiceEndpoints {
  const databaseUrl = endpoints.serviceUrls[service];
  const replicaUrls = Object.entries(endpoints.replicaUrls).map(([node, url]) => [node, withLoginOf(url, databaseUrl)]);
  return { databaseUrl, replicaUrls: Object.fromEntries(replicaUrls) };
}

function withLoginOf(url: string, loginUrl: string): string {
  if (loginUrl === '') return url;
  const [changed, login] = [new URL(url), new URL(loginUrl)];
  changed.username = login.username;
  changed.password = login.password;
  return changed.href;
}
