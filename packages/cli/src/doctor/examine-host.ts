import { statfsSync } from 'node:fs';
import type { Findings } from './finding.ts';

const NODE_MAJOR = 24;
const GIB = 2 ** 30;
const DISK_WARN_GIB = 5;
const DISK_FAIL_GIB = 1;

/** This machine: the Node that runs this, and the room where the data lies. */
export function examineHost(findings: Findings, folders: readonly string[]): void {
  const { node } = process.versions;
  if (Number(node.split('.')[0]) >= NODE_MAJOR) findings.ok('node', node);
  else findings.fail('node', node, `run it on Node ${NODE_MAJOR} or later, which \`npm install\` brings`);
  for (const folder of folders) examineDisk(findings, folder);
}

/** Room in a folder of this machine. */
export function examineDisk(findings: Findings, folder: string): void {
  const { bavail, bsize } = statfsSync(folder);
  const gib = (bavail * bsize) / GIB;
  const found = `${gib.toFixed(1)} GiB free in ${folder}`;
  const mend = 'make room: a full disk stops every writer';
  if (gib < DISK_FAIL_GIB) findings.fail('disk space', found, mend);
  else if (gib < DISK_WARN_GIB) findings.warn('disk space', found, mend);
  else findings.ok('disk space', found);
}
