import type { FaultRule } from '../../sandbox/aws/faults';
import type { Description } from '../../sandbox/engine/executions';
import { type OnboardRequest, onboard, RefusedError, toTheEnd } from '../../sandbox/requests';
import type { InvocationFault } from '../../sandbox/runtime/function-host';
import type { Sandbox } from '../../sandbox/sandbox';
import { aRequest, differences, endStateOf, functionName, irregularities } from './app-under-test';

/** One of the calls that a function makes when nothing disturbs it. Calls that ask for the same are one. */
interface Site {
  readonly functionName: string;
  readonly service: string;
  readonly operation: string;
  /** What is asked, the same of whichever tenant. */
  readonly asked: string;
}

/** Something that is done to a tenant, with what its people do about faults: callers repeat, operators redrive. */
export interface Journey {
  /** Brings a tenant to where it begins; no fault comes here. */
  prepare?(sandbox: Sandbox, tenantId: string): Promise<void>;
  /** @returns what went wrong on the way */
  run(sandbox: Sandbox, tenantId: string): Promise<string[]>;
  /** What there is in the end, the same for every tenant. */
  endStateOf(sandbox: Sandbox, tenantId: string): Promise<string[]>;
}

/** What a journey that nothing disturbs does and leaves behind. */
export interface Undisturbed {
  readonly journey: Journey;
  readonly sites: readonly Site[];
  readonly endState: readonly string[];
}

/** A premium tenant's onboarding. */
export const onboarding: Journey = {
  async run(sandbox, tenantId) {
    const { status, error, cause } = await onboardDespite(sandbox, aRequest({ tenantId, tier: 'premium' }));
    return status === 'SUCCEEDED' ? [] : [`${status} with ${error}: ${cause}`];
  },
  endStateOf,
};

/** How many records it finds, and reads, depends on how far the branches beside it are: its first read stands for all. */
const isReadByLogger = ({ functionName: name, operation }: Site): boolean =>
  name === functionName('provision-audit-log') && operation === 'GetObject';

const sameOperation = (one: Site, other: Site): boolean =>
  one.functionName === other.functionName && one.service === other.service && one.operation === other.operation;

export async function travelUndisturbed(sandbox: Sandbox, journey: Journey): Promise<Undisturbed> {
  const tenantId = 'undisturbed';
  await journey.prepare?.(sandbox, tenantId);
  sandbox.calls.clear();
  const problems = await journey.run(sandbox, tenantId);
  if (problems.length > 0) throw new Error(`undisturbed, and yet: ${problems.join('; ')}`);
  const sites: Site[] = [];
  for (const { functionName: caller, service, operation, input, denied } of sandbox.calls.entries()) {
    // What IAM refuses never comes to the service, and no fault comes to it.
    if (caller === undefined || denied !== undefined) continue;
    const site = { functionName: caller, service, operation, asked: whatIsAsked(input, tenantId) };
    const isKnown = sites.some(
      (known) => sameOperation(known, site) && (known.asked === site.asked || isReadByLogger(site)),
    );
    if (!isKnown) sites.push(site);
  }
  return { journey, sites, endState: await journey.endStateOf(sandbox, tenantId) };
}

/**
 * A call's input without what differs from time to time and from tenant to tenant: instants, numbers, requests, ids, and
 * what a condition compares with.
 */
function whatIsAsked(
  {
    ExpressionAttributeValues: _compared,
    Body: _body,
    logEvents: _events,
    RoleSessionName: _session,
    Tags: _tags,
    ...input
  }: Record<string, unknown>,
  tenantId: string,
): string {
  return (
    JSON.stringify(input)
      .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>')
      .replace(/\b[0-9a-f]{64}\b/g, '<hash>')
      .replace(/\b(onboard|offboard|reinstate)--[\w.-]+/g, '<execution>')
      .replace(/(OPERATION#|requests\/|evidence-of-deletion\/)[\w-]+/g, '$1<request>')
      // Two executions that end together contend for the next place in the chain, or do not.
      .replace(/\bchain\/\d+/g, 'chain/<number>')
      .replace(/"requestId":\{"S":"[\w-]+"\}/g, '<request>')
      .replace(/"N":"\d+"/g, '<number>')
      // What is destroyed comes in no certain order, and in pages.
      .replace(/\[\{"DeleteRequest":.*?\}\]/g, '<keys>')
      .replace(/"VersionId":"[^"]+"/g, '<version>')
      .replaceAll(tenantId, '<tenant>')
      .replace(/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b[A-Z0-9]{10}\b/g, '<id>')
  );
}

const READS = /^(Admin)?(Get|List|Describe|Query|Head|AssumeRole)/;

/** The calls that change something. */
export const writesOf = (undisturbed: Undisturbed): Undisturbed => ({
  ...undisturbed,
  sites: undisturbed.sites.filter(({ operation }) => !READS.test(operation)),
});

/** The calls that change nothing. */
export const readsOf = (undisturbed: Undisturbed): Undisturbed => ({
  ...undisturbed,
  sites: undisturbed.sites.filter(({ operation }) => READS.test(operation)),
});

/**
 * Which calls are faulty in the life of the same tenant: every fourth of each function: a queue gives a message up after
 * three deliveries, so more of them would end in the dead-letter queue.
 */
export function roundsOf({ sites }: Pick<Undisturbed, 'sites'>): Site[][] {
  const rounds: Site[][] = [];
  const seen = new Map<string, number>();
  for (const site of sites) {
    const position = seen.get(site.functionName) ?? 0;
    seen.set(site.functionName, position + 1);
    rounds[position % 4] = [...(rounds[position % 4] ?? []), site];
  }
  return rounds;
}

/** The SDK sends a call up to three times before the task hears of it. */
export const TO_THE_TASK = 3;

export type CallFault = Pick<FaultRule, 'when' | 'effect' | 'times'>;

/** Tenant of a round. Each id begins the next one, so that whatever confuses a tenant with those behind it is seen. */
export const tenantOfRound = (label: string, round: number): string => `${label}-${'1'.repeat(round + 1)}`;

/**
 * Sends one tenant per round on the journey, in which every function suffers the fault at some of its calls. Returns what
 * is not as after an undisturbed one.
 */
export async function problemsWithFaultyCalls(
  sandbox: Sandbox,
  undisturbed: Undisturbed,
  label: string,
  fault: CallFault,
): Promise<string[]> {
  const problems: string[] = [];
  for (const [round, sites] of roundsOf(undisturbed).entries()) {
    const tenantId = tenantOfRound(label, round);
    const found = await problemsOf(sandbox, undisturbed, tenantId, () => {
      for (const { asked, ...site } of sites) {
        const input = (is: Record<string, unknown>) => whatIsAsked(is, tenantId) === asked;
        sandbox.faults.add({ ...site, ...fault, input });
      }
    });
    sandbox.faults.rules().forEach(({ seen }, position) => {
      const site = sites[position];
      if (seen === 0) found.push(`no fault struck ${site?.functionName} ${site?.operation} ${site?.asked}`);
    });
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
  const problems = await problemsOf(sandbox, undisturbed, label, () => {
    for (const name of functionsOf(undisturbed)) sandbox.functions.failNext(name, fault);
  });
  return [...problems, ...(await tooManyOrMissing(sandbox))];
}

/**
 * One tenant, for whom every call fails when it is made first: each run of a function comes one call further than the one
 * before, if only a redrive runs it again. The outcome recorder is spared, see below.
 */
export async function problemsWhenEveryCallFails(
  sandbox: Sandbox,
  undisturbed: Undisturbed,
  label: string,
  { times = 1, ...fault }: CallFault,
): Promise<string[]> {
  const operations = new Map(
    undisturbed.sites.map((site) => [`${site.functionName} ${site.service} ${site.operation}`, site]),
  );
  let struck = 0;
  const problems = await problemsOf(sandbox, undisturbed, label, () => {
    for (const { functionName: name, service, operation } of operations.values()) {
      if (name === OUTCOME_RECORDER) continue;
      const seen = new Map<string, number>();
      const input = (asked: Record<string, unknown>) => {
        const call = whatIsAsked(asked, label);
        const before = seen.get(call) ?? 0;
        seen.set(call, before + 1);
        if (before >= times) return false;
        struck += 1;
        return true;
      };
      sandbox.faults.add({ ...fault, functionName: name, service, operation, input, times: Number.POSITIVE_INFINITY });
    }
  });
  sandbox.faults.clear();
  if (struck < operations.size * times) problems.push(`only ${struck} faults struck ${operations.size} operations`);
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
  const kinds: readonly Omit<CallFault, 'times'>[] = [
    { when: 'after', effect: { kind: 'crash' } },
    { when: 'after', effect: { kind: 'reset' } },
    { when: 'before', effect: { kind: 'throttle' } },
    { when: 'after', effect: { kind: 'error', code: 'InternalError', status: 500 } },
  ];
  const problems = await problemsOf(sandbox, undisturbed, label, () => {
    for (const name of functionsOf(undisturbed)) {
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
  });
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

export const functionsOf = ({ sites }: Pick<Undisturbed, 'sites'>): ReadonlySet<string> =>
  new Set(sites.map((site) => site.functionName));

async function problemsOf(
  sandbox: Sandbox,
  { journey, endState }: Pick<Undisturbed, 'journey' | 'endState'>,
  tenantId: string,
  disturb: () => void,
): Promise<string[]> {
  await journey.prepare?.(sandbox, tenantId);
  disturb();
  const problems = await journey.run(sandbox, tenantId);
  return [...problems, ...differences(await journey.endStateOf(sandbox, tenantId), endState)];
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

async function requestUntilAnswered(sandbox: Sandbox, request: OnboardRequest): Promise<string> {
  const { executionArn } = await answered(() => onboard(sandbox, request));
  if (executionArn === undefined) throw new Error(`tenant ${request.tenantId}: nothing was started`);
  return executionArn;
}

/** Sends a request until it is answered. @param passing names of the errors after which it is sent again */
export async function answered<T>(send: () => Promise<T>, passing = PASSING, attempts = 20): Promise<T> {
  try {
    return await send();
  } catch (error) {
    if (attempts > 1 && error instanceof RefusedError && passing.has(error.errorType)) {
      return await answered(send, passing, attempts - 1);
    }
    throw error;
  }
}
