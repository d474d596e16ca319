/** The papers: a room each, what they claim, what was measured, and how they are run. */
export * from './contract.ts';
export { built, checkDescriptor } from './descriptor.ts';
export { claimsOf, judge, loadEvidence, plotSpec, readEvidence } from './evidence.ts';
export { type MemoryContext, type MemoryContextOptions, memoryContext } from './memory-context.ts';
export {
  actionsOf,
  checkParameters,
  type Field,
  type FieldError,
  type FieldType,
  fieldsOf,
  type JsonSchema,
  jsonSchema,
  type Parsed,
  parseParameters,
  type Raw,
  reservedNames,
} from './parameters.ts';
export { createRandom } from './random.ts';
export { type Registration, registrationOf } from './registration.ts';
export {
  descriptorOf,
  estimateOf,
  loadApart,
  loadDescriptors,
  loadExperiment,
  loadMethod,
  loadParts,
  loadRules,
  readDescriptors,
  roomFolder,
} from './registry.ts';
export { ruleInWords } from './rule-words.ts';
export { checkRule, expressionLimit, verdict } from './rules.ts';
