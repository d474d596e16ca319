/** What tests of the rooms above share: real models where they are, small ones with random weights. */
export { type DescribedTensor, fixtureTensors } from './fixture.ts';
export { randomLlama } from './random-checkpoint.ts';
export { realModel } from './real-model.ts';
