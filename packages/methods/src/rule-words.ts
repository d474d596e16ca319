/** A rule's expression as a sentence, for readers; the expression itself is what counts (rules.ts). */
import { type ASTNode, Environment } from '@marcbachmann/cel-js';
import type { Rule } from './contract.ts';

const between: Record<string, string> = {
  '>=': 'is at least',
  '<=': 'is at most',
  '>': 'is above',
  '<': 'is below',
  '==': 'equals',
  '!=': 'differs from',
  '&&': 'and',
  '||': 'or',
  '+': 'plus',
  '-': 'minus',
  '*': 'times',
  '/': 'divided by',
};
const comparisons = new Set(['>=', '<=', '>', '<', '==', '!=']);
/** How tightly an operation binds; what binds looser than its surroundings stands in brackets. */
const strength = (op: string): number =>
  op === '?:' ? 0 : op === '||' ? 1 : op === '&&' ? 2 : comparisons.has(op) ? 3 : op === '+' || op === '-' ? 4 : 5;

/**
 * `expression` (of `rule`: its `holds` or `partly`) in words: "the low end of speed-up is at least 1.5 x and ...". `speak` says a
 * value's name; a number beside one value carries that value's unit. Throws where the expression is none.
 */
export function ruleInWords(rule: Rule, expression: string, speak: (name: string) => string = (name) => name): string {
  const nameIn = (node: ASTNode): string | undefined =>
    node.op === 'id' ? node.args : node.op === '.' && node.args[0].op === 'id' ? node.args[0].args : undefined;

  const say = (node: ASTNode, around = 0, unit?: string): string => {
    switch (node.op) {
      case 'value':
        return `${Number(node.args)}${unit ? ` ${unit}` : ''}`;
      case 'id':
        return speak(node.args);
      case '.': {
        const name = speak(nameIn(node) ?? '');
        return node.args[1] === 'value' ? name : `the ${node.args[1]} end of ${name}`;
      }
      case '!_':
        return `not (${say(node.args as ASTNode)})`;
      case '-_':
        return `minus ${say(node.args as ASTNode, 6)}`;
      case '?:': {
        const [test, yes, no] = node.args as ASTNode[];
        return `(${say(yes!)} where ${say(test!)}, otherwise ${say(no!)})`;
      }
      default: {
        const [left, right] = node.args as ASTNode[];
        const own = strength(node.op);
        const unitOf = (other: ASTNode) => (comparisons.has(node.op) ? rule.values[nameIn(other) ?? ''] : undefined);
        const text = `${say(left!, own, unitOf(right!))} ${between[node.op]} ${say(right!, own + 1, unitOf(left!))}`;
        return own < around ? `(${text})` : text;
      }
    }
  };
  return say(new Environment().parse(expression).ast);
}
