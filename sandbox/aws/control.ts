import { z } from 'zod';
import type { CallLog } from './call-log';
import type { FaultPlan, FaultRule } from './faults';

/** A route of the sandbox's own, POST /_sandbox/<name>: JSON in, JSON out. `rest` is what stands for the * of a name that ends in it. */
export type ControlHandler = (body: unknown, rest: string) => unknown;
export type Control = Readonly<Record<string, ControlHandler>>;

const effect = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('error'),
    code: z.string().min(1),
    message: z.string().optional(),
    status: z.number().int().min(400).max(599).optional(),
  }),
  z.strictObject({ kind: z.literal('throttle') }),
  z.strictObject({ kind: z.literal('reset') }),
  z.strictObject({ kind: z.literal('delay'), ms: z.number().nonnegative() }),
  z.strictObject({ kind: z.literal('crash') }),
]);

const rule = z.strictObject({
  service: z.string().optional(),
  operation: z.string().optional(),
  functionName: z.string().optional(),
  input: z.string().optional(),
  when: z.enum(['before', 'after']),
  effect,
  skip: z.number().int().nonnegative().optional(),
  // JSON has no Infinity.
  times: z
    .union([z.number().int().positive(), z.literal('always').transform(() => Number.POSITIVE_INFINITY)])
    .optional(),
});

/** Routes that script the fault plan. A rule that must hold for good says `"times": "always"`. */
export function faultControl(plan: FaultPlan): Control {
  return {
    'faults/add': (body) => ({ id: plan.add(withoutUndefined(rule.parse(body))).id }),
    'faults/list': () => plan.rules(),
    'faults/remove': (body) => plan.remove(z.object({ id: z.string() }).parse(body).id),
    'faults/clear': () => plan.clear(),
  };
}

/** Routes that read the call log. */
export function callLogControl(calls: CallLog): Control {
  return {
    'calls/list': () => calls.entries(),
    'calls/clear': () => calls.clear(),
  };
}

/** Zod types an absent member as undefined, a FaultRule leaves it out. */
function withoutUndefined(parsed: z.output<typeof rule>): FaultRule {
  return JSON.parse(JSON.stringify(parsed), (key, value: unknown) =>
    key === 'times' && value === null ? Number.POSITIVE_INFINITY : value,
  ) as FaultRule;
}
