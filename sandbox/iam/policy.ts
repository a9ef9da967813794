import { z } from 'zod';
import { type Condition, condition, requireKnown } from './conditions';
import type { Context } from './context';
import { type ArnPattern, arnLacksValue, arnPattern, matches, matchesArn, type Pattern, pattern } from './pattern';
import { isExcepted, type Mention, mention, type NamedPrincipals, type Principal } from './principal';

/** A policy document, read once and evaluated often. */
export interface Policy {
  /** Where it is from, for messages, for example `role tenant-lifecycle-dev-claim-tenant, policy permissions`. */
  readonly name: string;
  readonly statements: readonly Statement[];
}

export interface Statement {
  readonly policy: string;
  /** Its Sid, or its place in the document, counted from 1. */
  readonly label: string;
  readonly effect: 'Allow' | 'Deny';
  readonly actions: { readonly not: boolean; readonly patterns: readonly Pattern[] };
  /** Absent in trust policies, whose resource is the role itself. */
  readonly resources: { readonly not: boolean; readonly patterns: readonly ArnPattern[] } | undefined;
  /** Present in resource policies. */
  readonly principals: { readonly not: boolean; readonly named: NamedPrincipals } | undefined;
  readonly conditions: readonly Condition[];
}

/** What is asked for: one action on one resource under a context. */
export interface Asked {
  readonly action: string;
  /** ARN, or * where the action has no resource. */
  readonly resource: string;
  readonly context: Context;
}

const OneOrMore = z.union([z.string().transform((value) => [value]), z.array(z.string())]);
const Scalar = z.union([z.string(), z.number(), z.boolean()]).transform(String);
const Values = z.union([Scalar.transform((value) => [value]), z.array(Scalar)]);
const Named = z.union([
  z.literal('*'),
  z.strictObject({ AWS: OneOrMore.optional(), Service: OneOrMore.optional(), Federated: OneOrMore.optional() }),
]);

const StatementDocument = z.strictObject({
  Sid: z.string().optional(),
  Effect: z.enum(['Allow', 'Deny']),
  Action: OneOrMore.optional(),
  NotAction: OneOrMore.optional(),
  Resource: OneOrMore.optional(),
  NotResource: OneOrMore.optional(),
  Principal: Named.optional(),
  NotPrincipal: Named.optional(),
  Condition: z.record(z.string(), z.record(z.string(), Values)).optional(),
});

const Document = z.strictObject({
  Version: z.enum(['2012-10-17', '2008-10-17']).optional(),
  Id: z.string().optional(),
  Statement: z.union([StatementDocument.transform((statement) => [statement]), z.array(StatementDocument)]),
});

/** What kind of policy it is decides which elements a statement must have. */
export type PolicyKind = 'identity' | 'resource' | 'trust';

/** The sandbox cannot read a policy: on AWS it might mean something that the sandbox would not enforce. */
export class UnreadablePolicyError extends Error {
  override readonly name = 'UnreadablePolicyError';
}

/** Reads a policy document [reference_policies_grammar]. Throws UnreadablePolicyError on whatever the sandbox does not evaluate. */
export function readPolicy(name: string, document: unknown, kind: PolicyKind): Policy {
  const parsed = Document.safeParse(document);
  if (!parsed.success) throw new UnreadablePolicyError(`${name}: ${z.prettifyError(parsed.error)}`);
  // Without a Version it is the old one, which knows no variables.
  const variables = parsed.data.Version === '2012-10-17';
  const statements = parsed.data.Statement.map((statement, at) => {
    const label = statement.Sid ?? String(at + 1);
    try {
      return { policy: name, label, ...readStatement(statement, kind, variables) };
    } catch (error) {
      throw new UnreadablePolicyError(`${name}, statement ${label}: ${(error as Error).message}`, { cause: error });
    }
  });
  return { name, statements };
}

function readStatement(
  document: z.output<typeof StatementDocument>,
  kind: PolicyKind,
  variables: boolean,
): Omit<Statement, 'policy' | 'label'> {
  const { Effect, Action, NotAction, Resource, NotResource, Principal: named, NotPrincipal, Condition } = document;
  oneOf('Action', Action, NotAction);
  if (
    kind === 'trust'
      ? Resource !== undefined || NotResource !== undefined
      : (Resource === undefined) === (NotResource === undefined)
  ) {
    throw new Error(kind === 'trust' ? 'a trust policy has no Resource' : 'it needs Resource or NotResource, not both');
  }
  if (kind === 'identity' && (named !== undefined || NotPrincipal !== undefined)) {
    throw new Error('an identity policy has no Principal');
  }
  if (kind !== 'identity') oneOf('Principal', named, NotPrincipal);
  if (NotPrincipal !== undefined && Effect === 'Allow') throw new Error('NotPrincipal with Allow lets everybody in');

  const principals = named ?? NotPrincipal;
  const resources = Resource ?? NotResource;
  return {
    effect: Effect,
    actions: {
      not: NotAction !== undefined,
      patterns: (Action ?? NotAction ?? []).map((text) => pattern(text, { variables: false, ignoreCase: true })),
    },
    resources: resources && {
      not: NotResource !== undefined,
      patterns: resources.map((text) => arnPattern(text, { variables }, requireKnown)),
    },
    principals: principals && { not: NotPrincipal !== undefined, named: namedPrincipals(principals) },
    conditions: Object.entries(Condition ?? {}).flatMap(([operator, keys]) =>
      Object.entries(keys).map(([key, values]) => condition(operator, key, values, variables)),
    ),
  };
}

function oneOf(element: string, plain: unknown, negated: unknown): void {
  if ((plain === undefined) === (negated === undefined))
    throw new Error(`it needs ${element} or Not${element}, not both`);
}

function namedPrincipals(named: z.output<typeof Named>): NamedPrincipals {
  if (named === '*') return 'everybody';
  const { AWS: aws = [], Service: services = [], Federated: federated = [] } = named;
  return { aws, services, federated };
}

/** The pattern of a statement's Action that covers the action; undefined when none does. With NotAction: the first pattern. */
export function actionMatched({ actions }: Statement, { action, context }: Asked): Pattern | undefined {
  const found = actions.patterns.find((candidate) => matches(candidate, action, context));
  if (!actions.not) return found;
  return found === undefined ? actions.patterns[0] : undefined;
}

/**
 * Whether the statement is about the resource. NotResource with a variable that has no value: AWS says that such a pattern
 * matches no resource, and its simulator was seen to skip the Deny; here the reading counts that opens more, so that no
 * test relies on the other one.
 */
export function coversResource({ resources, effect }: Statement, { resource, context }: Asked): boolean {
  if (resources === undefined) return true;
  if (!resources.not) return resources.patterns.some((candidate) => matchesArn(candidate, resource, context));
  if (resources.patterns.some((candidate) => arnLacksValue(candidate, context))) return effect === 'Allow';
  return !resources.patterns.some((candidate) => matchesArn(candidate, resource, context));
}

/** How the statement of a resource policy means the principal. */
export function mentioned({ principals }: Statement, principal: Principal): Mention {
  if (principals === undefined) return 'itself';
  if (!principals.not) return mention(principals.named, principal);
  return isExcepted(principals.named, principal) ? 'nobody' : 'itself';
}

/** Conditions that do not hold; all have to. */
export const unmet = ({ conditions }: Statement, { context }: Asked): readonly Condition[] =>
  conditions.filter((one) => !one.holds(context));

/** Whether the statement applies to what is asked, whoever asks. */
export const applies = (statement: Statement, asked: Asked): boolean =>
  actionMatched(statement, asked) !== undefined &&
  coversResource(statement, asked) &&
  statement.conditions.every((one) => one.holds(asked.context));
