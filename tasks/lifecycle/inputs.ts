import * as z from 'zod/mini';
import { Arn } from '../shared/contract';
import { RequestId, TenantId } from '../shared/tenant';

/** Opaque id of who asks: an ARN, a subject, a job. Not an e-mail address: it is copied into the audit trail. */
export const Principal = z
  .string()
  .check(
    z.regex(
      /^[\w+=,.:/-]{1,256}$/,
      'must be 1 to 256 letters, digits or +=,.:/_- (no e-mail address: it goes into the audit trail)',
    ),
  );

/** Why an offboarding or a legal hold is asked for: kept with the evidence, so it names cases, not people. */
export const Reason = z
  .string()
  .check(
    z.minLength(3, 'must have at least 3 characters'),
    z.maxLength(256, 'must have at most 256 characters'),
    z.regex(/^[^\p{C}@]*$/u, 'must not hold control characters or e-mail addresses: it goes into the audit trail'),
  );

const TEN_YEARS = 10 * 365 * 86_400;

/** Length of a hold, or of a part of one. */
export const HoldSeconds = z
  .int('must be whole seconds')
  .check(z.minimum(0, 'must not be negative'), z.maximum(TEN_YEARS, 'must be at most 10 years'));

/** Input of a claim: the execution's whole input, whatever was typed into it. */
export const ClaimInput = z.strictObject({
  request: z.strictObject({ tenantId: TenantId, requestId: RequestId }),
  executionArn: Arn,
  step: z.string(),
});

type Choices = readonly [z.ZodMiniObject, ...z.ZodMiniObject[]];

/**
 * One of several inputs, told apart by a literal member. Unlike a plain discriminated union, a value without a usable
 * discriminator has its other members checked too, as far as any choice knows them, so that one answer lists all problems.
 */
export function oneOf<const Options extends Choices>(discriminator: string, options: Options, error: string) {
  const known = new Set(options.flatMap(({ shape }) => (shape[discriminator] as z.ZodMiniLiteral).def.values));
  return z.pipe(
    z.unknown().check(({ value, issues }) => {
      if (typeof value !== 'object' || value === null || known.has((value as Record<string, never>)[discriminator]))
        return;
      issues.push({ code: 'custom', path: [discriminator], message: error, input: value });
      issues.push(
        ...((othersOf(discriminator, options).safeParse(value).error?.issues ?? []) as z.core.$ZodRawIssue[]),
      );
    }),
    z.discriminatedUnion(discriminator, options, { error }),
  );
}

/** Members of all choices; required are those that every choice has. */
function othersOf(discriminator: string, options: Choices) {
  const shape: Record<string, z.ZodMiniType> = {};
  for (const name of new Set(options.flatMap((option) => Object.keys(option.shape)))) {
    const members = options.flatMap(({ shape: members }) => (members[name] as z.ZodMiniType | undefined) ?? []);
    const [first] = members;
    if (first !== undefined) shape[name] = members.length === options.length ? first : z.optional(first);
  }
  return z.strictObject({ ...shape, [discriminator]: z.unknown() });
}
