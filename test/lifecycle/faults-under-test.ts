import type { FaultRule } from '../../sandbox/aws/faults';
import type { Description } from '../../sandbox/engine/executions';
import { type OnboardRequest, onboard, RefusedError, toTheEnd } from '../../sandbox/requests';
import type { InvocationFault } from '../../sandbox/runtime/function-host';
import type { Sandbox } from '../../sandbox/sandbox';
import { aRequest, differences, endStateOf, functionName, irregularities } from './app-under-test';

/** One of the calls that a function makes during an undisturbed onboarding. */
interface Site {
  readonly functionName: string;
  readonly service: string;
  readonly operation: string;
  /** How many calls of this operation it has made before. */
  readonly skip: number;
}

/** What an onboarding that nothing disturbs does and leaves behind. */
export interface Undisturbed {
  readonly sites: readonly Site[];
  readonly endState: readonly string[];
}

export async function onboardUndisturbed(sandbox: Sandbox): Promise<Undisturbed> {
  sandbox.calls.clear();
  await onboardDespite(sandbox, aRequest({ tenantId: 'undisturbed', tier: 'premium' }));
  const sites: Site[] = [];
  for (const { functionName: caller, service, operation } of sandbox.calls.entries()) {
    if (caller === undefined) continue;
    const same = (site: Site) =>
      site.functionName === caller && site.service === service && site.operation === operation;
    sites.push({ functionName: caller, service, operation, skip: sites.filter(same).length });
  }
  return { sites, endState: await endStateOf(sandbox, 'undisturbed') };
}

/** The first call of every function, the second of every function, and so on: each onboarding can suffer one fault per function. */
export function roundsOf({ sites }: Undisturbed): Site[][] {
  const rounds: Site[][] = [];
  const seen = new Map<string, number>();
  for (const site of sites) {
    const position = seen.get(site.functionName) ?? 0;
    seen.set(site.functionName, position + 1);
    (rounds[position] ??= []).push(site);
  }
  return rounds;
}

export type CallFault = Pick<FaultRule, 'when' | 'effect' | 'times'>;

/**
 * Onboards one premium tenant per round, in which every function suffers the fault at one of its calls. Returns what is
 * not as after an undisturbed onboarding.
 */
export async function problemsWithFaultyCalls(
  sandbox: Sandbox,
  undisturbed: Undisturbed,
  label: string,
  fault: CallFault,
): Promise<string[]> {
  const problems: string[] = [];
  for (const [round, sites] of roundsOf(undisturbed).entries()) {
    for (const site of sites) sandbox.faults.add({ ...site, ...fault });
    const struck = () => sandbox.faults.rules().filter(({ seen, skip = 0 }) => seen > skip);
    const where = `call ${round + 1} of ${sites.map((site) => site.functionName.replace(functionName(''), '')).join(', ')}`;
    problems.push(
      ...(await problemsOf(sandbox, undisturbed, aRequest({ tenantId: `${label}-${round + 1}`, tier: 'premium' }))).map(
        (problem) => `${where}: ${problem}`,
      ),
    );
    if (struck().length !== sites.length) problems.push(`${where}: only ${struck().length} faults struck`);
    sandbox.faults.clear();
  }
  return problems;
}

/** The same for faults of whole invocations: each function's first invocation suffers it. */
export async function problemsWithFaultyInvocations(
  sandbox: Sandbox,
  undisturbed: Undisturbed,
  label: string,
  fault: InvocationFault,
): Promise<string[]> {
  for (const name of new Set(undisturbed.sites.map((site) => site.functionName)))
    sandbox.functions.failNext(name, fault);
  return await problemsOf(sandbox, undisturbed, aRequest({ tenantId: label, tier: 'premium' }));
}

async function problemsOf(sandbox: Sandbox, undisturbed: Undisturbed, request: OnboardRequest): Promise<string[]> {
  const { status, error, cause } = await onboardDespite(sandbox, request);
  const { orphans, duplicates, missing } = await irregularities(sandbox);
  return [
    ...(status === 'SUCCEEDED' ? [] : [`${status} with ${error}: ${cause}`]),
    ...[...orphans, ...duplicates].map(({ kind, id }) => `${kind} too many: ${id}`),
    ...missing.map((what) => `missing: ${what}`),
    ...differences(await endStateOf(sandbox, request.tenantId), undisturbed.endState),
  ];
}

/** What callers and operators do: the caller repeats a request that got no answer, the operator redrives. */
async function onboardDespite(sandbox: Sandbox, request: OnboardRequest): Promise<Description> {
  const executionArn = await requestUntilAnswered(sandbox, request);
  let end = await toTheEnd(sandbox, executionArn);
  for (let redrives = 0; redrives < 3 && end.status === 'FAILED'; redrives += 1) {
    sandbox.machines.redrive(executionArn);
    end = await toTheEnd(sandbox, executionArn);
  }
  return end;
}

const PASSING = new Set(['TransientError', 'ThrottledError', 'Runtime.ExitError', 'Sandbox.Timedout']);

async function requestUntilAnswered(sandbox: Sandbox, request: OnboardRequest, attempts = 5): Promise<string> {
  try {
    const { executionArn } = await onboard(sandbox, request);
    if (executionArn === undefined) throw new Error(`tenant ${request.tenantId}: nothing was started`);
    return executionArn;
  } catch (error) {
    if (attempts > 1 && error instanceof RefusedError && PASSING.has(error.errorType)) {
      return await requestUntilAnswered(sandbox, request, attempts - 1);
    }
    throw error;
  }
}
