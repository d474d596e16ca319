/** Processes that can be killed, and what they use: without the engine, so that a process that only supervises never loads it. */
export { type HeavyExit, type HeavyOptions, type HeavyProcess, spawnHeavy } from './heavy.ts';
export { peakResidentBytes, residentBytes, watchPeak } from './memory.ts';
