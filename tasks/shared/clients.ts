/**
 * Where something stands in for AWS, such as the sandbox. SDK clients read the variable by themselves; what is fetched without
 * one, such as the keys of a user pool, has to be told.
 */
export const endpointInsteadOfAws = (): string | undefined => process.env['AWS_ENDPOINT_URL'];

/**
 * Retry settings of the SDK clients. The state machine is the outer retry; inside one invocation the SDK repeats calls
 * that are safe to repeat.
 */
export const REPEATABLE = { maxAttempts: 3 } as const;

/**
 * For calls that make something new each time they arrive. One send() with retries can create three KMS keys when
 * answers are lost, so here the task's own protocol repeats, not the SDK.
 */
export const UNREPEATABLE = { maxAttempts: 1 } as const;
