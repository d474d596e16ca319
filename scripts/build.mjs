import { afterSetUp } from './setup.mjs';

await afterSetUp(async () => {});
