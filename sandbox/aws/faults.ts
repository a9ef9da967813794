import { type Call, ServiceError } from './service';

export type FaultEffect =
  | { readonly kind: 'error'; readonly code: string; readonly message?: string; readonly status?: number }
  /** The throttling error in the name and status that this service uses. */
  | { readonly kind: 'throttle' }
  /** The connection is cut: with `when: 'after'` a lost answer. */
  | { readonly kind: 'reset' }
  /** Real milliseconds; later rules still apply. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** The calling execution environment dies at this point and never sees an answer. */
  | { readonly kind: 'crash' };

export interface FaultRule {
  readonly service?: string;
  readonly operation?: string;
  readonly functionName?: string;
  /** A predicate, or text that the JSON of the input contains (the form that can be sent over HTTP). */
  readonly input?: string | ((input: Call['input']) => boolean);
  /** Before or after the call took effect. */
  readonly when: 'before' | 'after';
  readonly effect: FaultEffect;
  /** Matching calls let through first. @default 0 */
  readonly skip?: number;
  /** Matching calls that fail then. @default 1 */
  readonly times?: number;
}

interface PlannedFault {
  readonly id: string;
  readonly rule: FaultRule;
  seen: number;
}

export interface FaultHandle {
  readonly id: string;
  remove(): void;
}

/** The faults to come, in the order in which they were added. */
export class FaultPlan {
  #faults: PlannedFault[] = [];
  #added = 0;

  add(rule: FaultRule): FaultHandle {
    this.#added += 1;
    const id = `fault-${this.#added}`;
    this.#faults.push({ id, rule, seen: 0 });
    return { id, remove: () => this.remove(id) };
  }

  remove(id: string): void {
    this.#faults = this.#faults.filter((fault) => fault.id !== id);
  }

  clear(): void {
    this.#faults = [];
  }

  /** Rules with how many calls each has matched so far; used-up rules stay listed. */
  rules(): (FaultRule & { readonly id: string; readonly seen: number })[] {
    return this.#faults.map(({ id, rule, seen }) => ({ ...rule, id, seen }));
  }

  /** What befalls this call now: all delays up to the first rule that decides its fate, and that rule. Counts the call. */
  take(call: Call, when: FaultRule['when']): FaultEffect[] {
    const effects: FaultEffect[] = [];
    for (const fault of this.#faults) {
      const { rule } = fault;
      if (rule.when !== when || !matches(rule, call)) continue;
      fault.seen += 1;
      const { skip = 0, times = 1 } = rule;
      if (fault.seen <= skip || fault.seen > skip + times) continue;
      effects.push(rule.effect);
      if (rule.effect.kind !== 'delay') break;
    }
    return effects;
  }
}

function matches(rule: FaultRule, call: Call): boolean {
  if (rule.service !== undefined && rule.service !== call.service) return false;
  if (rule.operation !== undefined && rule.operation !== call.operation) return false;
  if (rule.functionName !== undefined && rule.functionName !== call.caller.functionName) return false;
  if (rule.input === undefined) return true;
  return typeof rule.input === 'string' ? JSON.stringify(call.input).includes(rule.input) : rule.input(call.input);
}

/** Name, HTTP status and message of "too many requests" by service. */
const THROTTLING: Readonly<Record<string, readonly [code: string, status: number, message: string]>> = {
  'cognito-identity': ['TooManyRequestsException', 400, 'Too many requests'],
  'cognito-identity-provider': ['TooManyRequestsException', 400, 'Too many requests'],
  'bedrock-agent': ['ThrottlingException', 429, 'Too many requests, please wait before trying again.'],
  'bedrock-agent-runtime': ['ThrottlingException', 429, 'Too many requests, please wait before trying again.'],
  cloudformation: ['Throttling', 400, 'Rate exceeded'],
  dynamodb: [
    'ProvisionedThroughputExceededException',
    400,
    'The level of configured provisioned throughput for the table was exceeded.',
  ],
  lambda: ['TooManyRequestsException', 429, 'Rate Exceeded.'],
  opensearch: ['ThrottlingException', 429, 'Rate exceeded'],
  s3: ['SlowDown', 503, 'Please reduce your request rate.'],
  sts: ['Throttling', 400, 'Rate exceeded'],
};

/** KMS, Step Functions, Logs and other services of the JSON protocols. */
const COMMON_THROTTLING = ['ThrottlingException', 400, 'Rate exceeded'] as const;

export function throttlingError(service: string): ServiceError {
  const [code, status, message] = THROTTLING[service] ?? COMMON_THROTTLING;
  return new ServiceError(code, message, status);
}

/** Codes that AWS sends with a 5xx status, which the SDK's retries look at. */
const SERVER_FAULT = /Internal|Unavailable|Timeout/;

/** The error that an 'error' or 'throttle' effect stands for. */
export function injectedError(
  effect: Extract<FaultEffect, { kind: 'error' | 'throttle' }>,
  service: string,
): ServiceError {
  if (effect.kind === 'throttle') return throttlingError(service);
  return new ServiceError(
    effect.code,
    effect.message ?? 'Injected by the fault plan',
    effect.status ?? (SERVER_FAULT.test(effect.code) ? 500 : 400),
  );
}
