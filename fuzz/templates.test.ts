/** Chat templates that come with a model and mean harm: endless, huge, deep. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chatTemplate, templateLimits } from '../packages/models/src/tokenizers/chat-template.ts';
import { answerOrSentence, cases, long } from './hostile.ts';

const messages = [
  { role: 'system', content: 'Answer in one word.' },
  { role: 'user', content: 'What is the sea?' },
];
const refusal = async (source: string) => {
  let message = '';
  await answerOrSentence(source.length, () => {
    try {
      chatTemplate(source, { bos_token: '<s>' })({ messages, add_generation_prompt: true });
    } catch (error) {
      message = (error as Error).message;
      throw error;
    }
  });
  return message;
};

describe('hostile chat templates end soon, with a sentence', () => {
  const double =
    "{% set ns = namespace(x='aaaaaaaaaaaaaaaa') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}";
  const double16 = double.replace('60', '12');
  const nested = (depth: number, body: string) =>
    `${'{% for i in range(1000) %}'.repeat(depth)}${body}${'{% endfor %}'.repeat(depth)}`;
  const list = '{% set ns = namespace(l=[1,2,3,4]) %}{% for i in range(60) %}{% set ns.l = ns.l + ns.l %}{% endfor %}';
  const hostile: [string, string, RegExp][] = [
    [
      'a long range',
      '{% for i in range(1000000000000) %}x{% endfor %}',
      /range\(1000000000000\) is no range of at most/,
    ],
    ['an endless range', '{{ range(0, 10, 0) }}', /range\(0, 10, 0\) is no range/],
    ['a backward range', '{{ range(0, -10000000000, -1) | length }}', /is no range/],
    ['loops in loops', nested(6, 'x'), /more than \d+ steps|longer than 3 s/],
    ['empty loops in loops', nested(6, ''), /more than \d+ steps|longer than 3 s/],
    ['a text that doubles', double, /text of more than \d+ characters/],
    ['a list that doubles', list, /list of more than \d+ elements/],
    [
      'a text that is split over and over',
      `${double16}{% for i in range(1000) %}{{ ns.x.split('a') | length }}{% endfor %}`,
      /longer than 3 s|steps|elements/,
    ],
    ['a macro that calls itself', '{% macro f(g) %}{{ g(g) }}{% endmacro %}{{ f(f) }}', /call stack/],
    ['deep brackets', `{{ ${'('.repeat(20_000)}1${')'.repeat(20_000)} }}`, /call stack/],
    ['deep ifs', `${'{% if true %}'.repeat(7_000)}x${'{% endif %}'.repeat(7_000)}`, /characters|call stack/],
    ['a long template', 'x'.repeat(templateLimits.source + 1), /100001 characters; at most 100000/],
    ['a lot of white space', ' '.repeat(50_000), /white space/],
    ['an error of its own', "{{ raise_exception('roles must alternate') }}", /roles must alternate/],
  ];
  it.each(hostile)('%s', async (_, source, expected) => {
    expect(await refusal(source)).toMatch(expected);
  });

  it('templates made of pieces at random', { timeout: long ? 600_000 : 30_000 }, async () => {
    const piece = fc.constantFrom(
      '{% for m in messages %}',
      '{% for i in range(300) %}',
      '{% endfor %}',
      '{% if m.role == "user" %}',
      '{% else %}',
      '{% endif %}',
      '{{ m.content }}',
      '{{ messages }}',
      '{{ messages | tojson(indent=4) }}',
      "{{ 'x' * 3 }}",
      '{{ m.content | upper | trim }}',
      '{% set x = messages + messages %}',
      '{% set x = x ~ x %}',
      '{{ x }}',
      '{{ x[::-1] }}',
      '{{ x.split("a") | join("aa") }}',
      '{{ loop.index }}',
      '{% macro f(a) %}',
      '{% endmacro %}',
      '{{ f(f) }}',
      '{{ strftime_now("%Y") }}',
      '{{ bos_token',
      '}}',
      '{%',
      '-%}',
      "'",
      '\n',
      '{{ {}|items }}',
      '{% generation %}',
      '{% break %}',
      '{{ x is string }}',
      '{{ range(9, 0, -2) | list }}',
      '{{ messages[0]["content"][1:] | replace("a", "bbbb") }}',
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 14 }), async (pieces) => {
        await refusal(pieces.join(''));
      }),
      cases(400),
    );
  });
});
