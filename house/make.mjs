/**
 * Makes what is the house's by its recipe: node house/make.mjs NAME [options], NAME being a file of house/recipes, which says its options.
 * First: npm install --prefix house.
 */
import { existsSync, readdirSync } from 'node:fs';

const recipes = new URL('recipes/', import.meta.url);
const name = process.argv[2] ?? '';
const recipe = new URL(`${name}.mjs`, recipes);
if (!/^[\w-]+$/.test(name) || !existsSync(recipe)) {
  const names = readdirSync(recipes).map((file) => file.replace(/\.mjs$/, ''));
  console.error(`There are recipes for ${names.join(', ')}; got '${name}'.`);
  process.exit(1);
}
process.argv.splice(2, 1);
await import(recipe.href);
