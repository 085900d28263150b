import { chmod, copyFile, mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { brokerSettings, logArgs } from '../parts/kafka-part.ts';
import { type Artifact, redisProgram } from './catalogue.ts';
import { runTool } from './run-tool.ts';
import { writeListing } from './verify-files.ts';

export type InstallOptions = {
  readonly artifact: Artifact;
  /** Holds the verified files. */
  readonly fetchedFolder: string;
  /** Holds what Maven took out of archives. */
  readonly unpackedFolder: string;
  /** Made here. */
  readonly targetFolder: string;
  readonly java: string;
  readonly signal?: AbortSignal | undefined;
};

/** Turns verified archives into the folder that the parts run from. @throws {StackError} STACK_FETCH_FAILED, STACK_TOOL_MISSING */
export async function installArtifact(options: InstallOptions): Promise<void> {
  const { artifact, fetchedFolder, targetFolder, unpackedFolder } = options;
  switch (artifact.name) {
    case 'kafka':
      await rename(fetchedFolder, targetFolder);
      await formatBroker(options);
      break;
    case 'registry':
      await extract(options, []);
      break;
    case 'redis':
      await mkdir(targetFolder);
      await copyFile(join(unpackedFolder, redisProgram()), join(targetFolder, 'redis-server'));
      await chmod(join(targetFolder, 'redis-server'), 0o755);
      break;
    case 'postgres':
      await extract(options, ['--strip-components=2', '--exclude=*.a', 'package/native']);
      await restoreSymlinks(targetFolder);
      // Another user may have to run it, whatever our umask is.
      await runTool({
        command: 'chmod',
        args: ['-R', 'u=rwX,go=rX', targetFolder],
        cwd: '/',
        missing: 'STACK_TOOL_MISSING',
      });
      break;
  }
  await writeListing(targetFolder);
}

async function extract(options: InstallOptions, args: readonly string[]): Promise<void> {
  const { artifact, fetchedFolder, targetFolder, signal } = options;
  const archive = join(fetchedFolder, artifact.files[0]?.name ?? '');
  await mkdir(targetFolder);
  await runTool({
    command: 'tar',
    args: ['-xzf', archive, '-C', targetFolder, '--no-same-owner', ...args],
    cwd: targetFolder,
    signal,
    missing: 'STACK_TOOL_MISSING',
  });
}

/** npm packages hold no symbolic links; this one lists its own. */
async function restoreSymlinks(folder: string): Promise<void> {
  const listed = await readFile(join(folder, 'pg-symlinks.json'), 'utf8');
  const links = JSON.parse(listed) as readonly { readonly source: string; readonly target: string }[]; // of a verified archive
  for (const { source, target } of links) {
    const link = join(folder, relative('native', target));
    await symlink(relative(dirname(link), join(folder, relative('native', source))), link);
  }
}

/**
 * `bootstrap.checkpoint` holds the feature levels of this version alone, so one of them serves every
 * new broker and saves each start a run of Kafka's own tool.
 */
async function formatBroker(options: InstallOptions): Promise<void> {
  const { targetFolder, java, signal } = options;
  const dataFolder = join(targetFolder, 'format');
  const settingsFile = join(targetFolder, 'format.properties');
  await writeFile(settingsFile, brokerSettings({ port: 9092, controllerPort: 9093 }, dataFolder));
  await runTool({
    command: java,
    args: [
      ...logArgs('warn'),
      '-cp',
      join(targetFolder, '*'),
      'kafka.tools.StorageTool',
      'format',
      '-t',
      'AAAAAAAAAAAAAAAAAAAAAQ',
      '-c',
      settingsFile,
    ],
    cwd: targetFolder,
    signal,
    missing: 'STACK_JAVA_MISSING',
  });
  await rename(join(dataFolder, 'bootstrap.checkpoint'), join(targetFolder, 'bootstrap.checkpoint'));
  await rm(dataFolder, { recursive: true });
  await rm(settingsFile);
}
