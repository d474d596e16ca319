/** What makes a default export a valid descriptor. */
import { type Claim, families, type Method, voices } from './contract.ts';
import { checkParameters } from './parameters.ts';
import { checkRule } from './rules.ts';

/** Whether the paper's method can be run here. */
export const built = (method: Method): boolean => method.parameters !== undefined;

/** Throws a sentence when `value` is not the descriptor of the room `family/slug`. */
export function checkDescriptor(value: unknown, family: string, slug: string): Method {
  if (typeof value !== 'object' || value === null) throw new Error('it has no default export that describes a method');
  const method = value as Method;
  if (method.slug !== slug) throw new Error(`its slug is '${method.slug}', its folder is '${slug}'`);
  if (method.family !== family) throw new Error(`its family is '${method.family}', its folder lies in '${family}'`);
  if (!(families as readonly string[]).includes(family)) throw new Error(`there is no family '${family}'`);
  if (!method.paper?.title) throw new Error('the paper has no title');
  if (!/^\d{4}-\d{2}(-\d{2})?$/.test(method.paper.date))
    throw new Error(`the date '${method.paper.date}' is not a date`);
  if (method.paper.arxiv !== undefined && !/^\d{4}\.\d{4,5}$/.test(method.paper.arxiv))
    throw new Error(`'${method.paper.arxiv}' is no arXiv identifier`);
  if (!Array.isArray(method.paper.authors)) throw new Error('the paper has no list of authors');
  for (const link of method.paper.links ?? [])
    if (!/^https:\/\//.test(link.url)) throw new Error(`the link '${link.url}' does not begin with https://`);
  if (!method.offers) throw new Error('it does not say what it offers');
  if (!Array.isArray(method.claims) || method.claims.length === 0) throw new Error('it lists no claims');
  const seen = new Set<string>();
  for (const claim of method.claims) {
    if (seen.has(claim.id)) throw new Error(`the claim ${claim.id} is listed twice`);
    seen.add(claim.id);
    checkClaim(claim);
  }
  try {
    checkParameters(method);
  } catch (error) {
    throw new Error(`its parameters cannot be used: ${(error as Error).message}`);
  }
  return method;
}

function checkClaim(claim: Claim): void {
  if (!/^[A-Z][A-Z0-9]*(-?\d+)[a-z]?$/.test(claim.id)) throw new Error(`'${claim.id}' is no claim id (as in PRE-4)`);
  if (!claim.statement || !claim.measure || !claim.paper?.value)
    throw new Error(`the claim ${claim.id} lacks its statement, measure or value`);
  if (!Object.hasOwn(voices, claim.paper.source)) throw new Error(`the claim ${claim.id} has no source`);
  if (!claim.rule) return;
  try {
    checkRule(claim.rule);
  } catch (error) {
    throw new Error(`the rule of ${claim.id} cannot be used: ${(error as Error).message}`);
  }
}
