/** node ours.mjs TASK: steps of AdamW by our engine, in the protocol of ../peers/protocol.mjs. */
import { secondsOf, serve } from '../peers/protocol.mjs';
import { open } from './steps.mjs';

await serve({
  version: 'working-papers',
  async load() {
    const { step, batch } = await open(process.argv[2]);
    return {
      async train({ steps }) {
        let last;
        const seconds = await secondsOf(async () => {
          for (let i = 0; i < steps; i++) last = await step.run(batch());
        });
        return { seconds: seconds / steps, loss: last.loss };
      },
    };
  },
});
