/** Modules by the end of their names (`q_proj`, `mlp.c_proj`, or a whole name), as peft's lists have them; or by a regular expression that must match the whole name. */
export type ModulePattern = string | readonly string[];

/** How low-rank updates are made and scaled; fields and defaults are peft's. */
export interface LoraConfig {
  /** Rank of the updates, at least 1. */
  readonly r: number;
  /** The update is scaled by alpha / r. */
  readonly alpha: number;
  /** Which modules have one; `all-linear` are all that multiply but heads. */
  readonly targets: ModulePattern;
  /** Of those, which have none after all. */
  readonly excluded: ModulePattern;
  /** Share of what goes into an update that training drops, from 0 to below 1. */
  readonly dropout: number;
  /** Scales by alpha / sqrt(r) instead (rsLoRA, arXiv 2312.03732). */
  readonly rslora: boolean;
  /** Modules, by name or its end, whose weights are trained whole. */
  readonly modulesToSave: readonly string[];
}

export const loraDefaults: LoraConfig = {
  r: 8,
  alpha: 8,
  targets: 'all-linear',
  excluded: [],
  dropout: 0,
  rslora: false,
  modulesToSave: [],
};

/** What is left out by its default. Throws a sentence for a value that makes no sense. */
export function loraConfig(given: Partial<LoraConfig> = {}): LoraConfig {
  const config = { ...loraDefaults, ...given };
  const { r, alpha, dropout, targets } = config;
  if (!Number.isInteger(r) || r < 1) throw new Error(`The rank r must be a whole number of at least 1; got ${r}.`);
  if (!Number.isFinite(alpha) || alpha <= 0) throw new Error(`alpha must be a number above 0; got ${alpha}.`);
  if (!(dropout >= 0 && dropout < 1)) throw new Error(`dropout must be from 0 to below 1; got ${dropout}.`);
  if (targets.length === 0) {
    throw new Error(
      "targets names no module. Give 'all-linear', the ends of names (['q_proj', 'v_proj']) or a pattern.",
    );
  }
  return config;
}

/** What the update B A of a layer is multiplied by. */
export const loraScale = ({ r, alpha }: { r: number; alpha: number }, { rslora }: Pick<LoraConfig, 'rslora'>): number =>
  alpha / (rslora ? Math.sqrt(r) : r);
