/** The reader's labelled texts. */
import type { Row } from '../../contract.ts';

export interface LabelledText {
  text: string;
  label: number;
}

/** Most classes of a classifier. */
const mostLabels = 1000;

/** Texts with the numbers of their labels, and the labels in order. Throws a sentence for a row that lacks one, and for fewer than two classes. */
export async function readLabelled(rows: AsyncIterable<Row>): Promise<{ texts: LabelledText[]; labels: string[] }> {
  const raw: { text: string; label: string }[] = [];
  for await (const row of rows) {
    const place = `Row ${raw.length + 1} of the labelled texts`;
    const { text, label } = row;
    if (typeof text !== 'string' || text.trim() === '')
      throw new Error(
        `${place} has no "text" (it has ${Object.keys(row).join(', ') || 'nothing'}). Give columns "text" and "label".`,
      );
    if (label === undefined || label === null || String(label).trim() === '')
      throw new Error(`${place} has no "label". Give columns "text" and "label".`);
    raw.push({ text, label: String(label).trim() });
  }
  const labels = [...new Set(raw.map(({ label }) => label))].sort();
  if (labels.length < 2 || labels.length > mostLabels)
    throw new Error(
      `The labelled texts have ${labels.length} different labels; a classifier tells 2 to ${mostLabels} apart.`,
    );
  if (raw.length < 10)
    throw new Error(`There are ${raw.length} labelled texts; give at least 10, a fifth of them is only tested on.`);
  const number = new Map(labels.map((label, index) => [label, index]));
  return { texts: raw.map(({ text, label }) => ({ text, label: number.get(label)! })), labels };
}
