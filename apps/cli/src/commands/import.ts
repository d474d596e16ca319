import { basename } from 'node:path';
import { importPage } from '@working-papers/library';
import { registerMethods } from '@working-papers/runs';
import type { Command } from 'commander';
import { addCommand, jsonOption, textOf } from '../arguments.ts';
import { seedPage } from '../settings.ts';
import { withLibrary } from '../shelf.ts';
import { clean } from '../table.ts';
import type { Terminal } from '../terminal.ts';

export function addImport(program: Command, terminal: Terminal): void {
  addCommand(program, 'import', 'Put a Daily Papers page, saved as text, on the shelf. Safe to repeat.', [
    'papers import',
    'papers import page.txt --json',
    'pbpaste | papers import -',
  ])
    .argument('[file]', 'the page as text, "-" for standard input (default: the founding page, seed/daily-papers.txt)')
    .option('--source <name>', 'what to note as the source (default: the file’s name)')
    .addOption(jsonOption())
    .action(async (file: string | undefined, options: { source?: string; json?: boolean }) => {
      const path = file ?? seedPage;
      const text = await textOf(path, 'file');
      const source = options.source ?? (path === '-' ? 'standard input' : basename(path));
      const report = await withLibrary(terminal, async (library) => {
        const imported = await importPage(library, text, { source, now: new Date() });
        await registerMethods(library);
        return imported;
      });
      if (options.json) {
        terminal.json(report);
        return;
      }
      const { added, changed, unchanged, unreadable } = report;
      terminal.print(
        `${report.imported} papers read: ${added.length} new, ${changed.length} changed, ${unchanged} unchanged.`,
      );
      for (const paper of changed) terminal.print(`  changed: ${paper.title} (${paper.fields.join(', ')})`);
      for (const { line, reason, text: beginning } of unreadable) {
        terminal.note(`Line ${line} could not be read: ${reason} "${clean(beginning)}"`);
      }
    });
}
