/** Processes that can be killed, what they use, and the cores there are: without the engine, so that a process that only supervises never loads it. */
export { physicalCores } from './cores.ts';
export { type HeavyExit, type HeavyOptions, type HeavyProcess, spawnHeavy } from './heavy.ts';
export { peakResidentBytes, residentBytes, watchPeak } from './memory.ts';
