import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Finished } from './exchange.ts';
import type { ServedModels } from './served-models.ts';

export interface Metrics {
  readonly registry: Registry;
  finished(exchange: Finished): void;
}

/** What GET /metrics tells, in Prometheus' text format. */
export function createMetrics(models: ServedModels): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const requests = new Counter({
    name: 'model_server_requests_total',
    help: 'Requests that have ended; status 499: the client went away first.',
    labelNames: ['route', 'status', 'model'],
    registers,
  });
  const duration = new Histogram({
    name: 'model_server_request_duration_seconds',
    help: 'From arrival to the last byte of the answer.',
    labelNames: ['route', 'model'],
    buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
    registers,
  });
  const firstText = new Histogram({
    name: 'model_server_time_to_first_text_seconds',
    help: 'From arrival to the first text of the answer.',
    labelNames: ['model'],
    buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    registers,
  });
  gauges(models, registers);
  return {
    registry,
    finished({ route, status, model = '', seconds, firstTextSeconds }) {
      requests.inc({ route, status: String(status), model });
      duration.observe({ route, model }, seconds);
      if (firstTextSeconds !== undefined) firstText.observe({ model }, firstTextSeconds);
    },
  };
}

/** What the schedulers count, read when somebody asks. */
function gauges(models: ServedModels, registers: Registry[]): void {
  const { decoders, encoders } = models;
  new Gauge({
    name: 'model_server_requests',
    help: 'Requests by what they do: wait, have their prompt computed, are answered.',
    labelNames: ['model', 'state'],
    registers,
    collect() {
      for (const { name, scheduler } of decoders) {
        const { queued, prefilling, decoding } = scheduler.metrics;
        this.set({ model: name, state: 'queued' }, queued);
        this.set({ model: name, state: 'prefilling' }, prefilling);
        this.set({ model: name, state: 'decoding' }, decoding);
      }
      for (const { name, waiting } of encoders) this.set({ model: name, state: 'queued' }, waiting);
    },
  });
  new Gauge({
    name: 'model_server_rows',
    help: 'Answers that can be given at once.',
    labelNames: ['model'],
    registers,
    collect() {
      for (const { name, scheduler } of decoders) this.set({ model: name }, scheduler.rows);
    },
  });
  for (const [name, field, help] of [
    ['prompt_tokens', 'promptTokens', 'Prompt tokens that were computed.'],
    ['reused_tokens', 'reusedTokens', 'Prompt tokens that were taken from the cache of prefixes.'],
    ['new_tokens', 'newTokens', 'Tokens that were generated.'],
    ['steps', 'steps', 'Steps of the decoder, each of all rows that answer.'],
    ['answers_finished', 'finished', 'Answers that came to their end.'],
    ['answers_cancelled', 'cancelled', 'Answers that were given up.'],
    ['answers_failed', 'failed', 'Answers that failed.'],
  ] as const) {
    new Counter({
      name: `model_server_${name}_total`,
      help,
      labelNames: ['model'],
      registers,
      collect() {
        this.reset();
        for (const decoder of decoders) this.inc({ model: decoder.name }, decoder.scheduler.metrics[field]);
      },
    });
  }
  new Gauge({
    name: 'model_server_prefix_cache_bytes',
    help: 'Bytes of keys and values that the cache of prefixes holds.',
    labelNames: ['model'],
    registers,
    collect() {
      for (const { name, prefixes } of decoders) this.set({ model: name }, prefixes?.bytes ?? 0);
    },
  });
}
