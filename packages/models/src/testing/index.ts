/** What tests of the rooms above share: real models where they are, small ones with random weights or weights made from names. */
export { type DescribedTensor, fixtureTensors } from './fixture.ts';
export { randomBert, randomLlama, tinyBert, tinyLlama, valuesOf, weightOf } from './random-checkpoint.ts';
export { realModel } from './real-model.ts';
