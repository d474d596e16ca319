import { getPaper, type Library, type PaperDetail, paperByArxiv, recognise } from '@working-papers/library';
import { actionsOf, built, descriptorOf, jsonSchema } from '@working-papers/methods';
import { type Source, voices } from '@working-papers/methods/contract';
import type { Command } from 'commander';
import { addCommand, jsonOption } from '../arguments.ts';
import { CommandError, UsageError } from '../problems.ts';
import { withShelf } from '../shelf.ts';
import { clean, wrap } from '../table.ts';
import { bold, type Terminal } from '../terminal.ts';

const marks: Record<string, string> = { holds: '●', partly: '◐', 'does not hold here': '⊘', 'not tested': '○' };

export function addShow(program: Command, terminal: Terminal): void {
  addCommand(program, 'show', 'A paper: its abstract, its claims and what was found here.', [
    'papers show prepacking',
    'papers show 2404.09529 --json',
  ])
    .argument('<paper>', 'its slug, arXiv id or link')
    .addOption(jsonOption())
    .action(async (name: string, options: { json?: boolean }) => {
      if (name.trim() === '') throw new UsageError('The paper is empty. Give its slug, arXiv id or link.');
      const paper = await withShelf(terminal, (library) => find(library, name));
      if (!paper) throw new CommandError(`There is no paper "${name}" here. "papers search ${name}" looks for it.`);
      const method = paper.built ? await descriptorOf(paper.slug) : undefined;
      const run = method && built(method) ? { actions: actionsOf(method), parameters: jsonSchema(method) } : undefined;
      if (options.json) terminal.json({ ...paper, ...(run ? { run } : {}) });
      else show(paper, terminal);
    });
}

async function find(library: Library, name: string): Promise<PaperDetail | undefined> {
  const known = recognise(name);
  return (await getPaper(library, name)) ?? (known ? paperByArxiv(library, known.id) : undefined);
}

function show(paper: PaperDetail, terminal: Terminal): void {
  const authors =
    paper.authors.length > 0
      ? paper.authors.join(', ')
      : `${paper.authorCount} author${paper.authorCount === 1 ? '' : 's'}`;
  terminal.print(bold(terminal, paper.title));
  terminal.print(
    [authors, paper.date, paper.family, paper.arxiv && `arXiv:${paper.arxiv}`].filter(Boolean).join(' · '),
  );
  if (paper.offers) terminal.print(`\n${wrap(paper.offers, terminal.width).join('\n')}`);
  terminal.print(`\n${wrap(paper.abstract, terminal.width).join('\n')}\n`);
  for (const claim of paper.claims) {
    terminal.print(`${marks[claim.verdict]} ${bold(terminal, claim.id)}  ${claim.verdict}`);
    terminal.print(wrap(clean(claim.statement), terminal.width, '    ').join('\n'));
    terminal.print(wrap(clean(`From ${saidOf(claim.paper)}`), terminal.width, '    ').join('\n'));
    const why = claim.verdict === 'not tested' ? noteOf(claim) : undefined;
    if (why) terminal.print(wrap(`(${clean(why)})`, terminal.width, '    ').join('\n'));
  }
  terminal.print(
    paper.built
      ? `\nRun it: papers run ${paper.slug} --help`
      : '\nIts method is not built yet, so it does not run here.',
  );
}

/** Whose word the value is, the value, and against what. */
function saidOf({ value, unit, baseline, source, unverified }: PaperDetail['claims'][number]['paper']): string {
  const voice = Object.hasOwn(voices, source) ? voices[source as Source] : source;
  return `${voice}: ${value}${unit ? ` ${unit}` : ''}${baseline ? `, against ${baseline}` : ''}${unverified ? ' (not verified)' : ''}`;
}

function noteOf(claim: PaperDetail['claims'][number]): string | undefined {
  const note = claim.recorded?.note ?? claim.shipped?.note ?? claim.note;
  return typeof note === 'string' ? note : undefined;
}
