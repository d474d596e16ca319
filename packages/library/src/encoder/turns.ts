/** One thing at a time on the model; a reader's query goes before the next batch of the shelf. */
export interface Turns {
  take<T>(work: () => Promise<T>, urgent?: boolean): Promise<T>;
}

export function createTurns(): Turns {
  const urgent: (() => void)[] = [];
  const patient: (() => void)[] = [];
  let busy = false;
  const next = () => {
    const begin = urgent.shift() ?? patient.shift();
    if (begin) begin();
    else busy = false;
  };
  return {
    async take(work, isUrgent = false) {
      if (busy) await new Promise<void>((resolve) => (isUrgent ? urgent : patient).push(resolve));
      busy = true;
      try {
        return await work();
      } finally {
        next();
      }
    },
  };
}
