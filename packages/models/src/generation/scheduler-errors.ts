/** A scheduler's queue has no place for another request now; the same request may be taken later. */
export class QueueFullError extends Error {
  override name = 'QueueFullError';
  /** Requests that wait. */
  readonly waiting: number;

  constructor(waiting: number, rows: number) {
    super(`The queue is full: ${waiting} requests wait for one of ${rows} rows. Try again later.`);
    this.waiting = waiting;
  }
}

/** A scheduler was closed and answers nothing any more. */
export class SchedulerClosedError extends Error {
  override name = 'SchedulerClosedError';

  constructor() {
    super('The scheduler was closed.');
  }
}
