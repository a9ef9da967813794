import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics } from '@aws-lambda-powertools/metrics';
import { Tracer } from '@aws-lambda-powertools/tracer';
import type { Context } from 'aws-lambda';
import * as z from 'zod/mini';
import { type AuditTrail, recordStep, writeAuditRecord } from './audit';
import { mapAwsError, redact } from './aws-errors';
import {
  BASE_ENVIRONMENT,
  ENVIRONMENT,
  type EnvironmentName,
  type TaskContract,
  type TaskEnvironment,
  type TaskInput,
} from './contract';
import {
  errorName,
  InvalidEnvironmentError,
  InvalidInputError,
  LegalHoldError,
  PurgeNotAllowedError,
  StaleExecutionError,
  TenantNotRequestedError,
} from './errors';
import { legalHoldsOf } from './legal-holds';
import { measure } from './measure';
import { METRICS, type Measure, unitOf } from './metrics';
import { type App, auditRecordKey, idsInName } from './names';
import { problemOf } from './problems';
import { type Ledger, openRegistry, type Registry, type TenantState } from './registry';

/** What a task is given beside its input. */
export interface TaskScope<Names extends EnvironmentName> {
  readonly env: TaskEnvironment<Names>;
  readonly app: App;
  readonly registry: Registry;
  readonly logger: Logger;
  readonly measure: Measure;
  /** Adds ids to the log lines, the trace and the metric that follow. */
  readonly tag: (tags: Readonly<Record<string, string>>) => void;
  readonly now: () => Date;
}

/** Additionally, behind the fence. */
export interface FencedScope<Names extends EnvironmentName> extends TaskScope<Names> {
  /** The tenant as read by the fence check, a moment ago. */
  readonly state: TenantState;
  readonly ledger: Ledger;
  /** Reads status, generation and legal hold again; a destroying task asks before each page, one that switches users before each user. */
  readonly assertStillAllowed: () => Promise<void>;
}

type Handler = (event: unknown, context: Pick<Context, 'awsRequestId'>) => Promise<unknown>;

const logger = new Logger();
const tracer = new Tracer();
/** Powertools warns, at each flush, that dimension sets share names. Here they do on purpose, see below. */
const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const metrics = new Metrics({ logger: silent });

/**
 * Wraps a task that stands before the fence (front door, claim, outcome recorder): environment and input are parsed,
 * all problems reported at once, before any AWS call; log lines and trace carry the tenant; AWS errors are mapped.
 * @param identify ids for log lines and trace, from the raw event
 */
export function defineTask<Input extends z.ZodMiniType, Output extends z.ZodMiniType, Names extends EnvironmentName>(
  contract: TaskContract<Input, Output, Names>,
  run: (input: z.output<Input>, scope: TaskScope<Names>) => Promise<z.input<Output>>,
  identify: (event: unknown) => Record<string, string> = tagsOf,
): Handler {
  return async (event) => {
    const started = performance.now();
    const tags = identify(event);
    logger.resetKeys();
    logger.appendKeys({ task: contract.name, ...tags });
    const endTrace = openTrace(contract.name, tags);
    let outcome = 'Success';
    try {
      const env = parseEnvironment(contract);
      const input = parseInput(contract, event, tags['tenantId']);
      const app = { name: env.APP_NAME, stage: env.STAGE };
      logger.info('started');
      const scope: TaskScope<Names> = {
        env: env as TaskEnvironment<Names>,
        app,
        registry: openRegistry(env.REGISTRY_TABLE),
        logger,
        measure,
        tag(more) {
          Object.assign(tags, more);
          logger.appendKeys(more);
          annotate(more);
        },
        now: () => new Date(),
      };
      const output = contract.output.parse(await run(input, scope));
      logger.info('completed');
      return output;
    } catch (error) {
      const mapped = redacted(mapAwsError(error, tags['tenantId']));
      outcome = errorName(mapped);
      logger.error('failed', { errorName: outcome, errorMessage: mapped.message });
      throw mapped;
    } finally {
      // Three metrics: an alarm on one outcome of all steps cannot add up the metrics of each.
      const step = contract.stateName;
      for (const dimensions of [{ step, outcome }, { step }, { outcome }]) metrics.addDimensions(dimensions);
      // Metadata are no dimensions: they cost nothing per value, and make the metric's line one that is found by tenant.
      for (const name of [...Object.keys(TAGS), SUBJECT])
        if (tags[name] !== undefined) metrics.addMetadata(name, tags[name]);
      metrics.addMetric(METRICS.stepDuration, unitOf(METRICS.stepDuration), performance.now() - started);
      metrics.publishStoredMetrics();
      endTrace(outcome);
    }
  };
}

/**
 * Wraps a step of an execution: as defineTask, and before the task may touch anything its generation must still be the
 * tenant's; after it an audit record says what was done.
 */
export function defineStep<
  Input extends z.ZodMiniType<TaskInput>,
  Output extends z.ZodMiniType,
  Names extends EnvironmentName,
>(
  contract: TaskContract<Input, Output, Names>,
  run: (input: z.output<Input>, scope: FencedScope<Names>) => Promise<z.input<Output>>,
): Handler {
  return defineTask(contract, async (input, scope) => {
    const state = await checkFence(contract, input, scope);
    const ledger = scope.registry.ledger(
      input.tenantId,
      contract.resource ?? contract.name,
      input.generation,
      scope.now,
    );
    const assertStillAllowed = async () => {
      await checkFence(contract, input, scope);
    };
    const output = await run(input, { ...scope, state, ledger, assertStillAllowed });
    if (isFinished(output)) {
      await recordStep(scope, contract, input, {
        requestedBy: state.requestedBy,
        ...(contract.resource &&
          hasPhysicalId(output) && { resource: { type: contract.resource, physicalId: output.physicalId } }),
      });
    }
    return output;
  });
}

/** Reads the tenant and stops a step whose execution is no longer the one that may act, or that may not destroy. */
async function checkFence(
  contract: Pick<TaskContract, 'fence' | 'name' | 'destructive'>,
  input: TaskInput,
  { registry, ...trail }: AuditTrail & Pick<TaskScope<never>, 'registry'>,
): Promise<TenantState> {
  const { tenantId, generation } = input;
  const state = await registry.getState(tenantId);
  if (state === undefined) {
    throw new TenantNotRequestedError(`tenant ${tenantId}: no request is recorded for it`);
  }
  if (state.generation !== generation || !(contract.fence ?? []).includes(state.status)) {
    throw new StaleExecutionError(
      `tenant ${tenantId}: generation ${generation} may not ${contract.name}; the tenant is ${state.status} at generation ${state.generation}`,
    );
  }
  if (contract.destructive !== true) return state;
  await assertNoLegalHold(contract, input, state, trail);
  if (state.purgeStartedAt === undefined) {
    throw new PurgeNotAllowedError(`tenant ${tenantId}: its purge has not started, so nothing may ${contract.name}`);
  }
  return state;
}

/** Refuses under a legal hold. A refusal is evidence too; its key holds the oldest hold's start: that hold refuses the same step once. */
export async function assertNoLegalHold(
  { name }: Pick<TaskContract, 'name'>,
  { tenantId, requestId, executionArn, step }: TaskInput,
  state: TenantState,
  trail: AuditTrail,
): Promise<void> {
  const [oldest, ...more] = legalHoldsOf(state);
  if (oldest === undefined) return;
  const refusal = new LegalHoldError(
    `tenant ${tenantId}: legal hold ${oldest.id} since ${oldest.since}${more.length > 0 ? ` and ${more.length} more` : ''} forbids to ${name}`,
  );
  await writeAuditRecord(trail, auditRecordKey(tenantId, executionArn, `${step} refused ${oldest.since}`), {
    tenantId,
    action: name,
    requestedBy: state.requestedBy,
    requestId,
    executionArn,
    step,
    outcome: 'REFUSED',
    error: refusal.name,
    at: trail.now().toISOString(),
  });
  throw refusal;
}

const isFinished = (output: unknown): boolean =>
  !(
    typeof output === 'object' &&
    output !== null &&
    (('ready' in output && output.ready === false) || ('gone' in output && output.gone === false))
  );

const hasPhysicalId = (output: unknown): output is { physicalId: string } =>
  typeof output === 'object' && output !== null && 'physicalId' in output && typeof output.physicalId === 'string';

function parseEnvironment<Names extends EnvironmentName>(
  contract: Pick<TaskContract<z.ZodMiniType, z.ZodMiniType, Names>, 'environment' | 'name'>,
) {
  const names = [...new Set<EnvironmentName>([...BASE_ENVIRONMENT, ...contract.environment])];
  const schema = z.object(Object.fromEntries(names.map((name) => [name, ENVIRONMENT[name]])));
  const parsed = schema.safeParse(process.env);
  if (parsed.success) return parsed.data as unknown as TaskEnvironment<Names>;
  throw new InvalidEnvironmentError(`function ${contract.name}: ${problems(parsed.error, process.env)}`);
}

function parseInput<Input extends z.ZodMiniType>(
  contract: Pick<TaskContract<Input>, 'input' | 'name'>,
  event: unknown,
  tenantId: string | undefined,
): z.output<Input> {
  const parsed = contract.input.safeParse(event);
  if (parsed.success) return parsed.data;
  throw new InvalidInputError(
    `${contract.name}, tenant ${tenantId ?? '(not readable)'}: ${problems(parsed.error, event)}`,
  );
}

/** All issues, one clause each, by field path. */
const problems = ({ issues }: z.core.$ZodError, value: unknown): string =>
  issues.map((issue) => `${issue.path.map(String).join('.') || 'input'}: ${problemOf(issue, value)}`).join('; ');

/** Only what can be an id is logged: a refused input may hold a name or an address in any field. */
const TAGS: Readonly<Record<string, RegExp>> = {
  tenantId: /^[\w-]{1,128}$/,
  requestId: /^[\w-]{1,128}$/,
  executionArn: /^arn:[^\s@]{1,300}$/,
};
/** Subject of the signed-in user who calls; never from the event, only from a verified token. */
export const SUBJECT = 'sub';
/** Given by the state machine, beside the execution's ARN. */
const STEP = /^[\w ?-]{1,80}$/;

/** Ids for log lines, taken from the raw event so that even a refused input is found by tenant. */
export function tagsOf(event: unknown): Record<string, string> {
  const tags: Record<string, string> = {};
  const detail = member(event, 'detail');
  for (const source of [member(event, 'request'), json(member(detail, 'input')), detail, event]) {
    for (const [name, pattern] of Object.entries(TAGS)) {
      const value = member(source, name);
      if (typeof value === 'string' && pattern.test(value)) tags[name] = value;
    }
  }
  const step = member(event, 'step');
  if (tags['executionArn'] !== undefined && typeof step === 'string' && STEP.test(step)) tags['step'] = step;
  // A status event without its execution's input still has the tenant in the execution's name.
  return { ...idsInName(tags['executionArn'] ?? ''), ...tags };
}

function json(text: unknown): unknown {
  try {
    return typeof text === 'string' ? JSON.parse(text) : undefined;
  } catch {
    return undefined;
  }
}

const member = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;

/** Opens a subsegment named after the task; the returned function closes it. Outside Lambda the tracer does nothing. */
function openTrace(name: string, tags: Record<string, string>): (outcome: string) => void {
  if (!tracer.isTracingEnabled()) return () => {};
  const parent = tracer.getSegment();
  const segment = parent?.addNewSubsegment(`## ${name}`);
  if (parent === undefined || segment === undefined) return () => {};
  tracer.setSegment(segment);
  annotate(tags);
  return (outcome) => {
    tracer.putAnnotation('outcome', outcome);
    segment.close();
    tracer.setSegment(parent);
  };
}

function annotate(tags: Readonly<Record<string, string>>): void {
  if (!tracer.isTracingEnabled()) return;
  for (const [key, value] of Object.entries(tags)) tracer.putAnnotation(key, value);
}

/** What leaves the function is copied into history, events and logs. */
function redacted(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(redact(String(error)));
  error.message = redact(error.message);
  if (error.stack !== undefined) error.stack = redact(error.stack);
  return error;
}
