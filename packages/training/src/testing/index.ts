/** What tests of the rooms above share: small models with a tokenizer of words, rows that they can learn, and folders of both. */
export { saveSmall } from './save-small.ts';
export { circleRows, nameRows, pairRows, smallBert, smallLlama, topicRows } from './small-models.ts';
