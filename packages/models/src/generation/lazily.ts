import type { Program } from '@working-papers/runtime';

/** Programs that are compiled when first used, and released together. */
export function lazily() {
  const made: Promise<Program>[] = [];
  const later = (compile: (label: string) => Promise<Program>, label: string): (() => Promise<Program>) => {
    let program: Promise<Program> | undefined;
    return () => {
      if (!program) {
        program = compile(label);
        program.catch(() => {
          program = undefined;
        });
        made.push(program);
      }
      return program;
    };
  };
  later.release = () => {
    for (const program of made) program.then((compiled) => compiled.release()).catch(() => {});
  };
  return later;
}
