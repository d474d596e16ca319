/** So many at once and no more: a semaphore. */
export class Slots {
  free: number;
  private readonly waiting: (() => void)[] = [];

  constructor(count: number) {
    this.free = count;
  }

  /** Resolves with the function that gives the slot back, or with nothing when the signal aborts before one is free. */
  async take(signal: AbortSignal): Promise<(() => void) | undefined> {
    while (this.free === 0 && !signal.aborted) await this.change(signal);
    if (signal.aborted) return undefined;
    this.free -= 1;
    let taken = true;
    return () => {
      if (!taken) return;
      taken = false;
      this.free += 1;
      this.waiting.shift()?.();
    };
  }

  private change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.waiting.push(resolve);
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }
}
