/**
 * Writes src/founding-abstracts.ts out of the founding page: `node packages/methods/scripts/founding-abstracts.mjs`.
 * The experiments use these 51 abstracts as a ready sample of modern scientific English.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { parsePage } from '../../library/dist/papers/page.js';

const page = readFileSync(new URL('../../../seed/daily-papers.txt', import.meta.url), 'utf8');
const papers = parsePage(page).papers.map(({ title, abstract }) => ({ title, abstract }));
const text = `/** Titles and abstracts of the founding page, written by scripts/founding-abstracts.mjs: the experiments' sample of English. */
export const foundingAbstracts: readonly { title: string; abstract: string }[] = ${JSON.stringify(papers, null, 2)};
`;
writeFileSync(new URL('../src/founding-abstracts.ts', import.meta.url), text);
