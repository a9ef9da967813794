import type * as z from 'zod/mini';
import type { VerifiedToken } from '../shared/access-token';
import type { EnvironmentName, TaskContract } from '../shared/contract';
import { defineTask, SUBJECT, type TaskScope } from '../shared/define-task';
import { verifiedToken } from './caller';
import { requestIdOf } from './identify';
import type { CallerEnvironmentName, CallInput } from './operation';

/** What such an operation is given beside its input. */
export interface OwnScope<Names extends EnvironmentName> extends TaskScope<Names> {
  /** Who calls, and nothing about where they belong. */
  readonly token: VerifiedToken;
}

/**
 * Wraps an operation on the caller's own memberships: the access token must be genuine, and may be for any tenant or none.
 * The tenant in the input is one that is asked for: the operation looks for the caller's membership in it before anything else.
 */
export function defineOwnOperation<
  Input extends z.ZodMiniType,
  Output extends z.ZodMiniType,
  Names extends EnvironmentName,
>(
  contract: TaskContract<Input, Output, Names>,
  run: (input: z.output<Input>, scope: OwnScope<Names>) => Promise<z.input<Output>>,
) {
  return defineTask(
    contract,
    async (input, scope) => {
      const { accessToken } = input as CallInput;
      const token = await verifiedToken(accessToken, scope as unknown as TaskScope<CallerEnvironmentName>);
      scope.tag({ [SUBJECT]: token.sub });
      return await run(input, { ...scope, token });
    },
    requestIdOf,
  );
}
