import { S3Client } from '@aws-sdk/client-s3';
import { SFNClient, StartExecutionCommand, StopExecutionCommand } from '@aws-sdk/client-sfn';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { serveAuditLog } from '../../support/audit-log';
import {
  aHeldTenant,
  anExecutionArnOf,
  anOperationItem,
  aStateItem,
  REGISTRY_TABLE,
  setEnvironment,
} from '../../support/builders';
import { serveExecutions } from '../../support/executions';
import { captureOutput } from '../../support/output';
import { serveTables, type Tables } from '../../support/tables';

/** Tenant acme in its hold: request-2 offboards it, its execution sleeps; request-3 may bring it back. */
const dynamodb = mockClient(DynamoDBDocumentClient);
export const sfn = mockClient(SFNClient);
export const s3 = mockClient(S3Client);
serveAuditLog();
export let tables: Tables;
/** Status of executions, by ARN. */
export let executions: Map<string, string>;

export const OFFBOARDING = anExecutionArnOf('offboard--acme--request-2');
export const REINSTATEMENT = anExecutionArnOf('reinstate--acme--request-3');
export const DAY = 86_400_000;
export const past = (days: number) => new Date(Date.now() - days * DAY).toISOString();
export const future = (days: number) => past(-days);

export const put = (changes: object) => tables.put(REGISTRY_TABLE, aStateItem(changes));
export const state = () => tables.get(REGISTRY_TABLE, 'TENANT#acme', 'STATE');
export const item = (sk: string) => tables.get(REGISTRY_TABLE, 'TENANT#acme', sk);
export const starts = () => sfn.commandCalls(StartExecutionCommand).map((call) => call.args[0].input.name);
export const stops = () => sfn.commandCalls(StopExecutionCommand).map((call) => call.args[0].input.executionArn);
export const isStateUpdate = (operation: string, { Key }: Record<string, unknown>) =>
  operation === 'Update' && (Key as { sk: string }).sk === 'STATE';

/** Begins each test of a file with it. */
export function useHeldTenant(): void {
  beforeEach(async () => {
    captureOutput();
    setEnvironment();
    dynamodb.reset();
    sfn.reset();
    s3.reset();
    executions = new Map([[OFFBOARDING, 'RUNNING']]);
    serveExecutions(sfn, executions);
    tables = await serveTables(dynamodb, REGISTRY_TABLE);
    await put(aHeldTenant());
    await tables.put(
      REGISTRY_TABLE,
      anOperationItem({ requestId: 'request-2', operation: 'offboard', holdSeconds: 30 * 86_400, reason: 'end' }),
      anOperationItem({ requestId: 'request-3', operation: 'reinstate' }),
    );
  });

  afterEach(() => jest.restoreAllMocks());
}
