import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Logger } from '@tradestream/runtime';
import { StackError } from '../errors.ts';
import { requireDiskSpace } from '../host/disk-space.ts';
import { acquireFileLock, holderPid } from '../host/file-lock.ts';
import { type Artifact, type ArtifactName, listArtifacts, redisProgram } from './catalogue.ts';
import { installArtifact } from './install-artifact.ts';
import { mavenProject, standInPom } from './maven-pom.ts';
import { runTool } from './run-tool.ts';
import { isComplete, verifyFetched } from './verify-files.ts';

export type FetchOptions = {
  readonly cacheFolder: string;
  readonly wanted: readonly ArtifactName[];
  readonly java: string;
  readonly log: Logger;
  readonly signal?: AbortSignal | undefined;
  /** 0 to 1. */
  readonly onFraction: (fraction: number) => void;
};

const LOCK_MS = 15 * 60_000;
const PROGRESS_MS = 400;
const DISK_BYTES_MIN = 1_200_000_000;
/** What Maven fetches for itself, bytes; for the progress alone. */
const MAVEN_OWN_BYTES = 14_000_000;
const STAGING_PREFIX = '.fetch-';

/**
 * The folder of each wanted artifact, fetched first where it is missing or damaged. Many processes
 * may ask at once: one fetches, the others wait for it. What appears in the cache is whole and verified.
 * @throws {StackError} STACK_FETCH_BUSY, STACK_FETCH_FAILED, STACK_CHECKSUM_MISMATCH, STACK_DISK_LOW,
 * STACK_MAVEN_MISSING, STACK_TOOL_MISSING, STACK_PLATFORM_UNSUPPORTED
 */
export async function fetchArtifacts(options: FetchOptions): Promise<Readonly<Record<ArtifactName, string>>> {
  const { cacheFolder, wanted, signal, log } = options;
  const artifacts = listArtifacts();
  const needed = artifacts.filter(({ name }) => wanted.includes(name));
  const folders = Object.fromEntries(
    artifacts.map(({ name, folderName }) => [name, join(cacheFolder, folderName)]),
  ) as Record<ArtifactName, string>;
  if ((await missingOf(needed, folders)).length === 0) return folders;

  const lockFile = join(cacheFolder, 'fetch.lock');
  const lock = await acquireFileLock(lockFile, {
    timeoutMs: LOCK_MS,
    signal,
    onWait: () => log.info({ holderPid: holderPid(lockFile) }, 'stack_fetch_waiting'),
  });
  if (lock === null) throw new StackError('STACK_FETCH_BUSY', { context: { holderPid: holderPid(lockFile) } });
  try {
    const missing = await missingOf(needed, folders);
    if (missing.length > 0) await fetchMissing(missing, folders, options);
  } finally {
    await lock.close();
  }
  return folders;
}

async function missingOf(
  artifacts: readonly Artifact[],
  folders: Readonly<Record<ArtifactName, string>>,
): Promise<readonly Artifact[]> {
  const complete = await Promise.all(artifacts.map(({ name }) => isComplete(folders[name])));
  return artifacts.filter((_, index) => complete[index] !== true);
}

async function fetchMissing(
  missing: readonly Artifact[],
  folders: Readonly<Record<ArtifactName, string>>,
  options: FetchOptions,
): Promise<void> {
  const { cacheFolder, java, signal, log } = options;
  log.info({ artifacts: missing.map(({ folderName }) => folderName), cacheFolder }, 'stack_fetch_started');
  removeLeftovers(cacheFolder);
  requireDiskSpace(cacheFolder, DISK_BYTES_MIN);
  const staging = await mkdtemp(join(cacheFolder, STAGING_PREFIX));
  const progress = reportProgress(staging, missing, options.onFraction);
  try {
    const jars = join(staging, 'jars');
    const packs = join(staging, 'packs');
    mkdirSync(jars);
    mkdirSync(packs);
    // The other tool is ended when one fails.
    const stop = new AbortController();
    const both = AbortSignal.any([stop.signal, ...(signal === undefined ? [] : [signal])]);
    const fetching = [fetchByMaven(missing, staging, both), fetchByNpm(missing, packs, both)];
    await Promise.all(fetching).catch(async (error: unknown) => {
      stop.abort();
      await Promise.allSettled(fetching);
      throw error;
    });
    for (const artifact of missing) {
      const fetchedFolder = join(staging, `${artifact.name}-fetched`);
      await takeFiles(artifact, [jars, packs], fetchedFolder);
      await verifyFetched(fetchedFolder, artifact.files);
    }
    await refuseSurplus([jars, packs]);
    for (const artifact of missing) {
      const targetFolder = join(staging, artifact.folderName);
      const fetchedFolder = join(staging, `${artifact.name}-fetched`);
      await installArtifact({
        artifact,
        fetchedFolder,
        unpackedFolder: join(staging, 'unpacked'),
        targetFolder,
        java,
        signal,
      });
      await rm(folders[artifact.name], { recursive: true, force: true });
      await rename(targetFolder, folders[artifact.name]);
    }
  } finally {
    progress.stop();
    await rm(staging, { recursive: true, force: true, maxRetries: 3 });
  }
  log.info({ cacheFolder }, 'stack_fetch_done');
}

/** Into a repository of its own: what is there is what was fetched now, and its growth is the progress. */
async function fetchByMaven(missing: readonly Artifact[], staging: string, signal: AbortSignal): Promise<void> {
  const items = missing.flatMap(({ maven }) => maven);
  if (items.length === 0) return;
  const repository = join(staging, 'repository');
  for (const pom of items.filter(({ alone }) => alone).map(standInPom)) {
    await mkdir(dirname(join(repository, pom.path)), { recursive: true });
    await writeFile(join(repository, pom.path), pom.text);
  }
  await writeFile(join(staging, 'pom.xml'), mavenProject(missing, redisProgram()));
  await runTool({
    command: 'mvn',
    args: ['--batch-mode', '--no-transfer-progress', `-Dmaven.repo.local=${repository}`, 'generate-resources'],
    cwd: staging,
    signal,
    missing: 'STACK_MAVEN_MISSING',
  });
}

async function fetchByNpm(missing: readonly Artifact[], folder: string, signal: AbortSignal): Promise<void> {
  for (const { npm } of missing) {
    if (npm === null) continue;
    const args = ['pack', npm, '--pack-destination', folder, '--ignore-scripts', '--silent'];
    await runTool({ command: 'npm', args, cwd: folder, signal, missing: 'STACK_TOOL_MISSING' });
  }
}

async function takeFiles(artifact: Artifact, fromFolders: readonly string[], toFolder: string): Promise<void> {
  await mkdir(toFolder);
  const expected = new Set(artifact.files.map(({ name }) => name));
  for (const folder of fromFolders) {
    for (const name of await readdir(folder)) {
      if (expected.has(name)) await rename(join(folder, name), join(toFolder, name));
    }
  }
}

async function refuseSurplus(folders: readonly string[]): Promise<void> {
  for (const folder of folders) await verifyFetched(folder, []);
}

/** Of fetches that were killed; the lock says that none is running. */
function removeLeftovers(cacheFolder: string): void {
  for (const name of readdirSync(cacheFolder)) {
    if (name.startsWith(STAGING_PREFIX)) rmSync(join(cacheFolder, name), { recursive: true, force: true });
  }
}

function reportProgress(
  staging: string,
  missing: readonly Artifact[],
  onFraction: (fraction: number) => void,
): { readonly stop: () => void } {
  const expected = missing.flatMap(({ files }) => files).reduce((sum, { bytes }) => sum + bytes, 0) + MAVEN_OWN_BYTES;
  let measuring = false;
  let fraction = 0;
  const measure = async () => {
    if (measuring) return;
    measuring = true;
    const bytes = (await bytesBelow(join(staging, 'repository'))) + (await bytesBelow(join(staging, 'packs')));
    measuring = false;
    // Installing moves files away again: what was told once is not taken back.
    fraction = Math.max(fraction, Math.min(0.99, bytes / expected));
    onFraction(fraction);
  };
  const timer = setInterval(() => void measure(), PROGRESS_MS);
  onFraction(0);
  return { stop: () => clearInterval(timer) };
}

/** 0 for what is not there, and for files that go away while they are counted. */
async function bytesBelow(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const lengths = await Promise.all(
    entries
      .filter((entry) => entry.isFile())
      .map((entry) =>
        stat(join(entry.parentPath, entry.name)).then(
          ({ size }) => size,
          () => 0,
        ),
      ),
  );
  return lengths.reduce((sum, length) => sum + length, 0);
}
