/** A student far smaller than its teacher: distilled at once, and through an assistant, for the same number of steps in all. */
import type { RunContext } from '../../../contract.ts';
import { Bench, rangeOf } from '../bench.ts';
import { relationGoal, sideOf } from '../distill.ts';
import { lossOn } from '../held-out.ts';
import { type Settings, settings as usual } from '../settings.ts';
import { randomWeights, type Student, studentConfig } from '../student.ts';

/** Half the layers and half the width of a teacher of 6 x 384. */
const shape = { layers: 3, hidden: 192 };

export async function assistant(context: RunContext, settings: Settings = usual): Promise<void> {
  const bench = await Bench.open(context, settings);
  const { teacher, side } = bench;
  const config = studentConfig(teacher.config, shape);
  const between = studentConfig(teacher.config, { layers: teacher.config.num_hidden_layers, hidden: shape.hidden });
  const half = Math.ceil(settings.steps / 2);
  const direct = await bench.distilled('3x192, direct', config, () => randomWeights(config, 1), relationGoal(side), {
    steps: 2 * half,
  });
  const middle = await bench.distilled(
    'assistant 6x192',
    between,
    () => randomWeights(between, 1),
    relationGoal(side),
    { steps: half },
  );
  const through = await bench.distilled(
    '3x192, through the assistant',
    config,
    () => randomWeights(config, 1),
    relationGoal(sideOf(middle.student)),
    { steps: half },
  );
  const lossOf = async (student: Student) =>
    (
      await lossOn(teacher.runtime, relationGoal(side), student, bench.books.heldOut, {
        batch: settings.batch,
        padId: teacher.tokenizer.padId ?? 0,
        signal: context.signal,
      })
    ).loss;
  const losses = { direct: await lossOf(direct.student), through: await lossOf(through.student) };
  const accuracy = {
    direct: await bench.fineTuned('3x192, direct', direct.student),
    through: await bench.fineTuned('3x192, through the assistant', through.student),
  };
  const { reference: model } = teacher;
  context.emit({
    type: 'table',
    name: 'assistant',
    caption: `A student of 3 layers x 192, ${2 * half} steps in all`,
    columns: [
      { name: 'way', type: 'text' },
      { name: 'held-out L_AT + L_VR', unit: 'nats', type: 'number' },
      { name: 'accuracy', unit: '%', type: 'number' },
      { name: 'low', unit: '%', type: 'number' },
      { name: 'high', unit: '%', type: 'number' },
    ],
    rows: (['direct', 'through'] as const).map((way) => {
      const { value, low, high } = rangeOf(accuracy[way]);
      const numbers = [losses[way], value, low, high].map((one) => Number(one.toFixed(3)));
      return [way === 'direct' ? 'from the teacher at once' : 'through an assistant of 6 x 192', ...numbers];
    }),
  });
  context.emit({
    type: 'evidence',
    claim: 'ML-4',
    stage: 'assistant',
    values: {
      gain: {
        ...rangeOf(accuracy.through.map((own, seed) => own - accuracy.direct[seed]!)),
        unit: 'points',
        model,
      },
      direct: { ...rangeOf(accuracy.direct), unit: '% right', model },
      through: { ...rangeOf(accuracy.through), unit: '% right', model },
      directLoss: { value: losses.direct, unit: 'nats', model },
      throughLoss: { value: losses.through, unit: 'nats', model },
    },
    setting: `${bench.setting}; student of 3 layers x 192: ${2 * half} steps from the teacher, or ${half} of an assistant of 6 x 192 and ${half} from that; gain is accuracy through the assistant minus direct, seed by seed, mean and range; losses are L_AT + L_VR against the teacher on held-out passages`,
    seeds: [...settings.seeds],
  });
}
