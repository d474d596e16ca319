import type { PaperDetail } from '../types.ts';

const texSpecials: Record<string, string> = {
  '\\': '\\textbackslash{}',
  '{': '\\{',
  '}': '\\}',
  '&': '\\&',
  '%': '\\%',
  $: '\\$',
  '#': '\\#',
  _: '\\_',
  '~': '\\textasciitilde{}',
  '^': '\\textasciicircum{}',
};
const tex = (text: string) => text.replace(/[\\{}&%$#_~^]/g, (character) => texSpecials[character]!);

/** The paper as a reference to import elsewhere. Authors stand as far as they are known. */
export function citation(
  paper: Pick<PaperDetail, 'slug' | 'title' | 'authors' | 'date' | 'arxiv'>,
  format: 'bibtex' | 'ris',
): string {
  const [year, month, day] = paper.date.split('-');
  const url = paper.arxiv && `https://arxiv.org/abs/${paper.arxiv}`;
  if (format === 'ris') {
    return [
      'TY  - PREP',
      `TI  - ${paper.title}`,
      ...paper.authors.map((author) => `AU  - ${author}`),
      `PY  - ${year}`,
      `DA  - ${year}/${month}/${day}`,
      ...(url ? [`UR  - ${url}`, `M1  - arXiv:${paper.arxiv}`] : []),
      'ER  - ',
      '',
    ].join('\r\n');
  }
  const fields: [string, string][] = [['title', `{${tex(paper.title)}}`]];
  if (paper.authors.length > 0) fields.push(['author', paper.authors.map(tex).join(' and ')]);
  fields.push(['year', year!], ['month', String(Number(month))]);
  if (paper.arxiv) fields.push(['eprint', paper.arxiv], ['archivePrefix', 'arXiv'], ['url', url!]);
  return `@misc{${paper.slug},\n${fields.map(([name, value]) => `  ${name} = {${value}},`).join('\n')}\n}\n`;
}
