import { readFileSync } from 'node:fs';

export type CodeBlock = {
  /** The heading it stands under, with the place among those of the same name: `Health Checks`, `Health Checks 2`. */
  readonly title: string;
  readonly language: string;
  /** As it stands, indentation and all. */
  readonly code: string;
};

const LINE = /^(?:#+ +|\d+\. )(?<heading>.+)$|^(?<indent> *)```(?<language>\w*)$/;

/** The fenced blocks of a page in their order. */
export function readBlocks(path: string): readonly CodeBlock[] {
  const blocks: CodeBlock[] = [];
  let heading = '';
  let open: { readonly language: string; readonly lines: string[] } | null = null;
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    const found = LINE.exec(line)?.groups;
    if (open === null) {
      if (found?.['heading'] !== undefined) heading = found['heading'].replace(/^\d+\. /, '');
      else if (found?.['language'] !== undefined) open = { language: found['language'], lines: [] };
    } else if (/^ *```$/.test(line)) {
      const count = blocks.filter(({ title }) => title.replace(/ \d+$/, '') === heading).length;
      const title = count === 0 ? heading : `${heading} ${count + 1}`;
      blocks.push({ title, language: open.language, code: open.lines.join('\n') });
      open = null;
    } else open.lines.push(line);
  }
  return blocks;
}
