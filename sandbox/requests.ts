import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { requestOperation } from '../tasks/lifecycle/contract';
import { HOLD_STATE } from '../tasks/lifecycle/offboarding-contract';
import type { Tier } from '../tasks/shared/tenant';
import type { Description } from './engine/executions';
import type { Sandbox } from './sandbox';

/** A request as a signup back end sends it to the request-operation function. */
export interface OnboardRequest {
  readonly tenantId: string;
  readonly requestId: string;
  readonly displayName: string;
  readonly adminEmail: string;
  readonly tier: Tier;
}

export interface Answer {
  readonly status: string;
  readonly executionArn?: string;
  readonly executionStatus?: string;
  readonly repeated: boolean;
  readonly alreadyActive: boolean;
}

/** What the function threw, as Lambda reports it to its caller. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';
  constructor(
    readonly errorType: string,
    readonly errorMessage: string,
  ) {
    super(`${errorType}: ${errorMessage}`);
  }
}

interface OffboardRequest {
  readonly tenantId: string;
  readonly requestId: string;
  readonly reason: string;
  readonly holdSeconds?: number;
  readonly requestedBy?: string;
}

/** An offboarding that was started. */
export async function offboard(sandbox: Sandbox, request: OffboardRequest): Promise<Answer & { executionArn: string }> {
  return started(await invokeFrontDoor(sandbox, { operation: 'offboard', requestedBy: 'sandbox', ...request }));
}

/** Cancels an offboarding during its hold. */
export async function reinstate(
  sandbox: Sandbox,
  request: Omit<OffboardRequest, 'holdSeconds'>,
): Promise<Answer & { executionArn: string }> {
  return started(await invokeFrontDoor(sandbox, { operation: 'reinstate', requestedBy: 'sandbox', ...request }));
}

function started(answer: unknown): Answer & { executionArn: string } {
  const { executionArn, ...rest } = answer as Answer;
  if (executionArn === undefined) throw new Error(`nothing was started: the tenant is ${rest.status}`);
  return { ...rest, executionArn };
}

/** Sends a change to the change-hold function. */
export async function changeHold(sandbox: Sandbox, change: Readonly<Record<string, unknown>>): Promise<unknown> {
  return await invoke(sandbox, 'ChangeHoldFunctionName', change);
}

/** Resolves when the execution sleeps in a Wait state, or has ended. */
export async function asleep(sandbox: Sandbox, executionArn: string): Promise<void> {
  for (;;) {
    const [last] = sandbox.machines.history(executionArn, { reverseOrder: true, maxResults: 1 }).items;
    const longWait = last?.type === 'WaitStateEntered' && last.stateEnteredEventDetails?.name === HOLD_STATE;
    if (longWait || sandbox.machines.describe(executionArn).status !== 'RUNNING') return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const clients = new WeakMap<Sandbox, LambdaClient>();

/** Sends the request through the endpoint, as any caller would. */
export async function onboard(sandbox: Sandbox, request: OnboardRequest): Promise<Answer> {
  return (await invokeFrontDoor(sandbox, { operation: 'onboard', requestedBy: 'sandbox', ...request })) as Answer;
}

/** Sends anything at all to the front door. */
export async function invokeFrontDoor(sandbox: Sandbox, payload: unknown): Promise<unknown> {
  return await invoke(sandbox, 'RequestOperationFunctionName', payload);
}

/** Examines one tenant, or all of them and the account. */
export async function examine(sandbox: Sandbox, tenantId?: string): Promise<Description> {
  const { executionArn } = sandbox.machines.start({
    stateMachineArn: sandbox.output('ExamineTenantsStateMachineArn'),
    input: JSON.stringify(tenantId === undefined ? {} : { tenantId }),
  });
  return await sandbox.machines.settled(executionArn);
}

/** @param output output of the stack that names the function */
export const invoke = (sandbox: Sandbox, output: string, payload: unknown): Promise<unknown> =>
  invokeFunction(sandbox, sandbox.output(output), payload);

/** Calls an operation of signed-in users, as their application does. @param operation name of its contract */
export function callOperation(
  sandbox: Sandbox,
  operation: string,
  input: { readonly accessToken: string; readonly [member: string]: unknown },
): Promise<unknown> {
  const frontDoor = sandbox.output('RequestOperationFunctionName');
  return invokeFunction(sandbox, frontDoor.replace(requestOperation.name, operation), input);
}

async function invokeFunction(sandbox: Sandbox, FunctionName: string, payload: unknown): Promise<unknown> {
  const client = clients.get(sandbox) ?? new LambdaClient(sandbox.clientConfig);
  clients.set(sandbox, client);
  const { Payload, FunctionError } = await client.send(
    new InvokeCommand({ FunctionName, Payload: JSON.stringify(payload) }),
  );
  const answer = JSON.parse(Buffer.from(Payload ?? []).toString('utf8')) as {
    errorType?: string;
    errorMessage?: string;
  };
  if (FunctionError !== undefined) throw new RefusedError(answer.errorType ?? 'Unknown', answer.errorMessage ?? '');
  return answer;
}

/** Onboards and waits until the execution has ended and its outcome is recorded. */
export async function onboardToTheEnd(sandbox: Sandbox, request: OnboardRequest): Promise<Description> {
  const { executionArn } = await onboard(sandbox, request);
  if (executionArn === undefined) throw new Error(`tenant ${request.tenantId}: nothing was started`);
  return await toTheEnd(sandbox, executionArn);
}

export async function toTheEnd(sandbox: Sandbox, executionArn: string): Promise<Description> {
  const end = await sandbox.machines.settled(executionArn);
  await sandbox.settled();
  return end;
}
