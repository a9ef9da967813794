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
    rounds[position] = [...(rounds[position] ?? []), site];
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
  fault: Pick<FaultRule, 'when' | 'effect' | 'times'>,
): Promise<string[]> {
  const problems: string[] = [];
  for (const [round, sites] of roundsOf(undisturbed).entries()) {
    for (const site of sites) sandbox.faults.add({ ...site, ...fault });
    const request = aRequest({ tenantId: `${label}-${round + 1}`, tier: 'premium' });
    const found = await problemsOf(sandbox, undisturbed, request);
    const spared = sandbox.faults.rules().filter(({ seen, skip = 0 }) => seen <= skip);
    found.push(...spared.map((rule) => `no fault struck ${rule.functionName} ${rule.operation}`));
    sandbox.faults.clear();
    const faulty = sites.map(
      ({ functionName: name, operation }) => `${name.replace(functionName(''), '')} ${operation}`,
    );
    problems.push(...found.map((problem) => `with faulty ${faulty.join(', ')}: ${problem}`));
  }
  return [...problems, ...(await tooManyOrMissing(sandbox))];
}

/** The same for faults of whole invocations: each function's first invocation suffers it. */
export async function problemsWithFaultyInvocations(
  sandbox: Sandbox,
  undisturbed: Undisturbed,
  label: string,
  fault: InvocationFault,
): Promise<string[]> {
  for (const name of new Set(undisturbed.sites.map((site) => site.functionName))) {
    sandbox.functions.failNext(name, fault);
  }
  const problems = await problemsOf(sandbox, undisturbed, aRequest({ tenantId: label, tier: 'premium' }));
  return [...problems, ...(await tooManyOrMissing(sandbox))];
}

const OUTCOME_RECORDER = functionName('record-outcome');

/**
 * Any call of any function may suffer any fault, several in a row, also those that repair what an earlier fault left. The
 * outcome recorder is spared: after its third failure an event lies in the dead-letter queue until somebody replays it.
 */
export async function problemsWithRandomFaults(
  sandbox: Sandbox,
  undisturbed: Undisturbed,
  label: string,
  seed: number,
): Promise<string[]> {
  const random = randomFrom(seed);
  const kinds: readonly Pick<FaultRule, 'when' | 'effect'>[] = [
    { when: 'after', effect: { kind: 'crash' } },
    { when: 'after', effect: { kind: 'reset' } },
    { when: 'before', effect: { kind: 'throttle' } },
    { when: 'after', effect: { kind: 'error', code: 'InternalError', status: 500 } },
  ];
  for (const name of new Set(undisturbed.sites.map((site) => site.functionName))) {
    if (name === OUTCOME_RECORDER) continue;
    for (const kind of kinds) {
      sandbox.faults.add({
        ...kind,
        functionName: name,
        input: () => random() < 0.04,
        times: Number.POSITIVE_INFINITY,
      });
    }
  }
  const problems = await problemsOf(sandbox, undisturbed, aRequest({ tenantId: label, tier: 'premium' }));
  sandbox.faults.clear();
  return [...problems, ...(await tooManyOrMissing(sandbox))].map((problem) => `seed ${seed}: ${problem}`);
}

/** Mulberry32: the same numbers for the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

async function problemsOf(sandbox: Sandbox, undisturbed: Undisturbed, request: OnboardRequest): Promise<string[]> {
  const { status, error, cause } = await onboardDespite(sandbox, request);
  return [
    ...(status === 'SUCCEEDED' ? [] : [`${status} with ${error}: ${cause}`]),
    ...differences(await endStateOf(sandbox, request.tenantId), undisturbed.endState),
  ];
}

async function tooManyOrMissing(sandbox: Sandbox): Promise<string[]> {
  const { orphans, duplicates, missing } = await irregularities(sandbox);
  return [
    ...[...orphans, ...duplicates].map(({ kind, tenantId, id }) => `${kind} too many: ${id} of ${tenantId}`),
    ...missing.map((what) => `missing: ${what}`),
  ];
}

/** What callers and operators do: the caller repeats a request that got no answer, the operator redrives. */
async function onboardDespite(sandbox: Sandbox, request: OnboardRequest): Promise<Description> {
  const executionArn = await requestUntilAnswered(sandbox, request);
  let end = await toTheEnd(sandbox, executionArn);
  for (let redrives = 0; redrives < 20 && end.status === 'FAILED'; redrives += 1) {
    sandbox.machines.redrive(executionArn);
    end = await toTheEnd(sandbox, executionArn);
  }
  return end;
}

const PASSING = new Set(['TransientError', 'ThrottledError', 'Runtime.ExitError', 'Sandbox.Timedout']);

async function requestUntilAnswered(sandbox: Sandbox, request: OnboardRequest, attempts = 20): Promise<string> {
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
