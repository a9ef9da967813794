import type { HistoryEvent, SFNClient } from '@aws-sdk/client-sfn';
import { z } from 'zod';
import { APP_NAME, lifecycleStackName, STAGES } from '../infra/config';
import type { ReadArchive } from '../tasks/audit-archive/read-archive';
import { retireOrphanedKey } from '../tasks/doctor/contract';
import { DoctorReport } from '../tasks/doctor/finding';
import { ENCRYPTION_KEY } from '../tasks/encryption-key/contract';
import { KNOWLEDGE_BASE } from '../tasks/knowledge-base/contract';
import { requestOperation } from '../tasks/lifecycle/contract';
import { changeHold } from '../tasks/lifecycle/offboarding-contract';
import { isNamed, mapAwsError } from '../tasks/shared/aws-errors';
import { TenantLifecycleError, TenantNotRequestedError } from '../tasks/shared/errors';
import type { Registry } from '../tasks/shared/registry';
import type { Account } from './account-checks';
import { RefusedError, TargetError, TenantctlError, UnknownOutcomeError } from './errors';
import { type Executions, openExecutions } from './executions';
import { knownState } from './known-tenant';
import { type LogQueries, openLogQueries } from './log-queries';

/** Where `npm start` serves. */
export const DEFAULT_ENDPOINT = 'http://127.0.0.1:4599';

export const TargetOptions = z
  .object({
    target: z.enum(['sandbox', 'aws'], { error: 'must be sandbox or aws' }),
    stage: z.enum(STAGES, { error: `must be one of ${STAGES.join(', ')}` }),
    endpoint: z.url({ protocol: /^https?$/, error: 'must be an http:// or https:// URL' }).optional(),
  })
  .refine(({ target, endpoint }) => target === 'sandbox' || endpoint === undefined, {
    path: ['endpoint'],
    error: 'is for --target sandbox; for another AWS-compatible endpoint set AWS_ENDPOINT_URL',
  });
export type TargetOptions = z.output<typeof TargetOptions>;

export type OperationRequest = z.output<typeof requestOperation.input>;
export type HoldChange = z.output<typeof changeHold.input>;
export type RetireRequest = z.output<typeof retireOrphanedKey.input>;
export type HoldAnswer = z.output<typeof HoldAnswer>;
export type Answer = z.output<typeof Answer>;

// A newer deployment may answer with more than this version knows.
const Answer = z.looseObject(requestOperation.output.shape);
const HoldAnswer = z.looseObject(changeHold.output.shape);

/** A deployed stack, in the sandbox or on AWS: the same calls, other clients. */
export interface Target {
  readonly stage: (typeof STAGES)[number];
  /** False for the sandbox, which has no console. */
  readonly isAws: boolean;
  /** ARN of who the caller is to AWS. */
  callerArn(): Promise<string>;
  /**
   * Invokes the front door.
   * @param repeat how the user sends the same request again, should its answer be lost
   */
  requestOperation(request: OperationRequest, repeat: string): Promise<Answer>;
  /** Invokes the change-hold function. @param repeat as above */
  changeHold(change: HoldChange, repeat: string): Promise<HoldAnswer>;
  /** Examines one tenant or all of them, which only reads: starts the machine. Answers the execution's ARN. */
  startExamination(request: { readonly tenantId?: string }, name: string): Promise<string>;
  /** What an examination has found. */
  doctorReport(key: string): Promise<DoctorReport>;
  /** Invokes the function that schedules the deletion of an orphaned key, if it is one. @param repeat as above */
  retireOrphanedKey(request: RetireRequest, repeat: string): Promise<z.output<typeof retireOrphanedKey.output>>;
  /** Returns a function that answers the events which were recorded since its last call, oldest first. */
  historyOf(executionArn: string): () => Promise<readonly HistoryEvent[]>;
  /** The time there: the sandbox has its own. */
  now(): Promise<Date>;
  /** Runs the stage's saved queries. */
  logQueries(): LogQueries;
  /** Reads what Step Functions knows of executions, and redrives them. */
  executions(): Executions;
  /** Needs read access to the registry table; nothing else does. */
  registry(): Promise<Registry>;
  /** Reads and verifies a tenant's audit archive. Needs read access to the registry table and below the tenant's audit prefix. */
  readArchive(tenantId: string, keep?: (key: string) => boolean): Promise<ReadArchive>;
  /** Where a tenant's things are. Needs read access to the registry table. */
  account(tenantId: string): Promise<Omit<Account, 'tokens' | 'ingest'>>;
}

/** Settings for SDK clients of the sandbox. Fixed keys: nobody's own credentials are ever sent to an endpoint that was typed in. */
const sandboxClient = (endpoint: string) => ({
  endpoint,
  region: 'us-east-1',
  credentials: { accessKeyId: 'tenantctl', secretAccessKey: 'tenantctl' },
  /** Of S3: the sandbox has no host names per bucket. */
  forcePathStyle: true,
});

export type ClientSettings = ReturnType<typeof sandboxClient> | Record<string, never>;

/** Looks up the stack's outputs. Its failure means that the target cannot be used as it is. */
export async function openTarget(options: TargetOptions): Promise<Target> {
  const settings = options.target === 'sandbox' ? sandboxClient(options.endpoint ?? DEFAULT_ENDPOINT) : {};
  const stackName = lifecycleStackName({ name: APP_NAME, stage: options.stage });
  const outputs = await readOutputs(stackName, settings, options);
  const output = (name: string): string => {
    const value = outputs.get(name);
    if (value !== undefined) return value;
    throw new TargetError(
      `stack ${stackName} has no output ${name}`,
      'Its version does not fit this one: deploy the stack from this version of the project, or use the other.',
    );
  };

  async function invoke<Schema extends z.core.$ZodType>(
    name: string,
    request: unknown,
    answers: Schema,
    repeat: string,
  ): Promise<z.output<Schema>> {
    const { InvokeCommand, LambdaClient } = await import('@aws-sdk/client-lambda');
    const FunctionName = output(name);
    const { FunctionError, Payload } = await calling(`lambda:InvokeFunction of ${FunctionName}`, repeat, () =>
      new LambdaClient(settings).send(new InvokeCommand({ FunctionName, Payload: JSON.stringify(request) })),
    );
    const payload = json(Buffer.from(Payload ?? []).toString('utf8'));
    if (FunctionError !== undefined) throw refused(payload, repeat);
    const answer = z.safeParse(answers, payload);
    if (answer.success) return answer.data;
    throw new UnknownOutcomeError(`${FunctionName} answered with something else than expected`, repeat);
  }

  async function openRegistryThere(): Promise<Registry> {
    // Not import(): that would want the extension of the compiled file. Loaded here because its clients take their time.
    const { connectRegistry, openRegistry } =
      require('../tasks/shared/registry') as typeof import('../tasks/shared/registry');
    const registry = openRegistry(output('RegistryTableName'), connectRegistry(settings));
    return {
      ...registry,
      getTenant: (tenantId) => calling('dynamodb:Query', REPEAT_COMMAND, () => registry.getTenant(tenantId)),
      listTenants: (status) => calling('dynamodb:Query', REPEAT_COMMAND, () => registry.listTenants(status)),
    };
  }

  return {
    isAws: options.target === 'aws',

    stage: options.stage,

    async callerArn() {
      const { GetCallerIdentityCommand, STSClient } = await import('@aws-sdk/client-sts');
      const { Arn } = await calling('sts:GetCallerIdentity', REPEAT_COMMAND, () =>
        new STSClient(settings).send(new GetCallerIdentityCommand({})),
      );
      return Arn ?? 'unknown';
    },

    requestOperation: (request, repeat) => invoke('RequestOperationFunctionName', request, Answer, repeat),

    changeHold: (change, repeat) => invoke('ChangeHoldFunctionName', change, HoldAnswer, repeat),

    async startExamination(request, name) {
      const { SFNClient, StartExecutionCommand } = await import('@aws-sdk/client-sfn');
      const stateMachineArn = output('ExamineTenantsStateMachineArn');
      const { executionArn = '' } = await calling('states:StartExecution', REPEAT_COMMAND, () =>
        new SFNClient(settings).send(
          new StartExecutionCommand({ stateMachineArn, name, input: JSON.stringify(request) }),
        ),
      );
      return executionArn;
    },

    async doctorReport(Key) {
      const { GetObjectCommand, S3Client } = await import('@aws-sdk/client-s3');
      const text = await calling('s3:GetObject', REPEAT_COMMAND, async () => {
        const { Body } = await new S3Client(settings).send(
          new GetObjectCommand({ Bucket: output('AuditBucketName'), Key }),
        );
        return (await Body?.transformToString()) ?? '';
      });
      const report = z.safeParse(DoctorReport, json(text));
      if (report.success) return report.data;
      throw new UnknownOutcomeError(`${Key} is no report of this version`, REPEAT_COMMAND);
    },

    retireOrphanedKey: (request, repeat) =>
      invoke('RetireOrphanedKeyFunctionName', request, retireOrphanedKey.output, repeat),

    historyOf(executionArn) {
      const read = historyReader(executionArn, settings);
      return () => calling('states:GetExecutionHistory', 'The execution goes on; look with tenantctl status.', read);
    },

    now: () =>
      options.target === 'aws' ? Promise.resolve(new Date()) : sandboxTime(options.endpoint ?? DEFAULT_ENDPOINT),

    logQueries: () => openLogQueries(settings, { name: APP_NAME, stage: options.stage }, calling),

    executions: () => openExecutions(settings, (operation) => output(MACHINE_OUTPUTS[operation]), calling),

    registry: openRegistryThere,

    async readArchive(tenantId, keep) {
      const { openRegistry, connectRegistry } =
        require('../tasks/shared/registry') as typeof import('../tasks/shared/registry');
      const archive =
        require('../tasks/audit-archive/read-archive') as typeof import('../tasks/audit-archive/read-archive');
      const { S3Client } = await import('@aws-sdk/client-s3');
      const registry = openRegistry(output('RegistryTableName'), connectRegistry(settings));
      const head = await calling('dynamodb:GetItem', REPEAT_COMMAND, () => registry.getArchiveHead(tenantId));
      const bucket = output('AuditBucketName');
      const client = new S3Client(settings);
      const read = await calling(`s3:GetObject of ${bucket}`, REPEAT_COMMAND, () =>
        archive.readArchive({ tenantId, bucket, head, now: new Date(), client, ...(keep && { keep }) }),
      );
      // A mistyped id must not look like a clean archive. One whose head is known and that is empty is broken, and says so.
      if (read.contents.objects.length === 0 && head === undefined)
        throw new TenantNotRequestedError(`tenant ${tenantId}: it has no audit archive`);
      return read;
    },

    async account(tenantId) {
      const app = { name: APP_NAME, stage: options.stage };
      const record = await (await openRegistryThere()).getTenant(tenantId);
      knownState(tenantId, record);
      const physicalIdOf = (type: string) =>
        record.resources.find((resource) => resource.type === type && resource.phase === 'DONE')?.physicalId;
      const keyArn = physicalIdOf(ENCRYPTION_KEY);
      if (keyArn === undefined)
        throw new TargetError(`tenant ${tenantId} has no encryption key`, 'Take a tenant that is ACTIVE.');
      return {
        settings,
        targets: {
          tenantId,
          app,
          keyArn,
          knowledgeBaseId: physicalIdOf(KNOWLEDGE_BASE),
          dataTable: output('DataTableName'),
          dataBucket: output('DataBucketName'),
          registryTable: output('RegistryTableName'),
          membershipTable: output('MembershipTableName'),
          auditBucket: output('AuditBucketName'),
          platformKeyArn: output('DataKeyArn'),
          roleArn: output('TenantAccessRoleArn'),
        },
        userPoolId: output('UserPoolId'),
        userPoolClientId: output('UserPoolClientId'),
        identityPoolId: output('IdentityPoolId'),
      };
    },
  };
}

const SandboxTime = z.object({ now: z.iso.datetime() });

/** @param endpoint of a sandbox, which may be days ahead */
async function sandboxTime(endpoint: string): Promise<Date> {
  const answer = await calling('the sandbox’s clock', REPEAT_COMMAND, () =>
    fetch(new URL('/_sandbox/clock/now', endpoint), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
    }),
  );
  const { now } = SandboxTime.parse(await answer.json());
  return new Date(now);
}

const MACHINE_OUTPUTS = {
  onboard: 'OnboardTenantStateMachineArn',
  offboard: 'OffboardTenantStateMachineArn',
  reinstate: 'ReinstateTenantStateMachineArn',
} as const;

const REPEAT_COMMAND = 'Repeat the command.';

async function readOutputs(
  stackName: string,
  settings: ClientSettings,
  { target, stage, endpoint = DEFAULT_ENDPOINT }: TargetOptions,
): Promise<ReadonlyMap<string, string>> {
  const { CloudFormationClient, DescribeStacksCommand } = await import('@aws-sdk/client-cloudformation');
  try {
    const { Stacks } = await new CloudFormationClient(settings).send(
      new DescribeStacksCommand({ StackName: stackName }),
    );
    const entries = (Stacks?.[0]?.Outputs ?? []).map(
      ({ OutputKey = '', OutputValue = '' }) => [OutputKey, OutputValue] as const,
    );
    return new Map(entries);
  } catch (error) {
    if (isNamed(error, 'ValidationError') && /does not exist/.test(messageOf(error))) {
      throw target === 'sandbox'
        ? new TargetError(
            `the sandbox at ${endpoint} has no stack ${stackName}`,
            'npm start runs stage dev: leave --stage out.',
          )
        : new TargetError(
            `stack ${stackName} does not exist in this account and Region`,
            `Check AWS_PROFILE and AWS_REGION, or deploy it: npx cdk deploy --all -c stage=${stage}.`,
            { cause: error },
          );
    }
    if (target === 'sandbox') {
      throw new TargetError(
        `no sandbox answers at ${endpoint} (${reasonOf(error)})`,
        'Start it in another terminal with npm start and repeat the command; or use --target aws.',
        { cause: error },
      );
    }
    throw new TargetError(
      `AWS could not be asked for stack ${stackName}: ${reasonOf(error)}`,
      'Check credentials, AWS_PROFILE and AWS_REGION (aws sts get-caller-identity), and cloudformation:DescribeStacks.',
      { cause: error },
    );
  }
}

/**
 * Reads forward, page by page. The last page is asked for again each time, because it grows; a page token lives for a
 * day, so one that has expired is replaced by reading from the start.
 */
function historyReader(executionArn: string, settings: ClientSettings): () => Promise<readonly HistoryEvent[]> {
  let pageToken: string | undefined;
  let lastId = 0;
  let client: SFNClient | undefined;
  return async () => {
    const sfn = await import('@aws-sdk/client-sfn');
    client ??= new sfn.SFNClient(settings);
    const fresh: HistoryEvent[] = [];
    for (;;) {
      const nextToken = pageToken;
      try {
        const page = await client.send(
          new sfn.GetExecutionHistoryCommand({
            executionArn,
            maxResults: 1000,
            includeExecutionData: false,
            ...(nextToken && { nextToken }),
          }),
        );
        for (const event of page.events ?? []) {
          if ((event.id ?? 0) <= lastId) continue;
          lastId = event.id ?? lastId;
          fresh.push(event);
        }
        if (page.nextToken === undefined) return fresh;
        pageToken = page.nextToken;
      } catch (error) {
        if (nextToken === undefined || !isNamed(error, 'InvalidToken')) throw error;
        pageToken = undefined;
      }
    }
  };
}

/** Turns what the SDK throws into what the user can do about it. */
async function calling<T>(what: string, repeat: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof TenantctlError) throw error;
    const mapped = mapAwsError(error, undefined);
    const { errorClass } = mapped instanceof TenantLifecycleError ? mapped : { errorClass: undefined };
    if (errorClass === 'access' || errorClass === 'configuration') {
      throw new TargetError(
        `${what}: ${reasonOf(error)}`,
        `The caller needs ${what.split(' ')[0]}; check AWS_PROFILE and its permissions.`,
        { cause: error },
      );
    }
    throw new UnknownOutcomeError(`${what}: ${reasonOf(error)}`, repeat, { cause: error });
  }
}

function refused(payload: unknown, repeat: string): RefusedError {
  const { errorType, errorMessage } = (payload ?? {}) as { errorType?: unknown; errorMessage?: unknown };
  return new RefusedError(
    typeof errorType === 'string' ? errorType : 'Lambda.Unknown',
    typeof errorMessage === 'string' ? errorMessage : 'the function failed without saying why',
    repeat,
  );
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Name and first line of an SDK error; connection errors have their reason in the code. */
function reasonOf(error: unknown): string {
  const { code } = error as { code?: unknown };
  const [line = ''] = messageOf(error).split('\n');
  if (typeof code === 'string' && line === '') return code;
  return error instanceof Error && error.name !== 'Error' && !line.startsWith(error.name)
    ? `${error.name}: ${line}`
    : line;
}
