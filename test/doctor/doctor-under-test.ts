import { BedrockAgentClient } from '@aws-sdk/client-bedrock-agent';
import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import { CognitoIdentityProviderClient } from '@aws-sdk/client-cognito-identity-provider';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { KMSClient } from '@aws-sdk/client-kms';
import { OpenSearchClient } from '@aws-sdk/client-opensearch';
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { examine } from '../../sandbox/requests';
import type { Sandbox } from '../../sandbox/sandbox';
import type { DoctorReport, Finding } from '../../tasks/doctor/finding';
import { keyAlias, TENANT_TAG } from '../../tasks/shared/names';
import { APP, stateOf } from '../lifecycle/app-under-test';

export const HOUR = 3_600_000;

/** Clients of somebody who changes things by hand. */
export const clientsOf = ({ clientConfig }: Sandbox) => ({
  bedrock: new BedrockAgentClient(clientConfig),
  cognito: new CognitoIdentityProviderClient(clientConfig),
  dynamodb: new DynamoDBClient(clientConfig),
  kms: new KMSClient(clientConfig),
  logs: new CloudWatchLogsClient(clientConfig),
  opensearch: new OpenSearchClient(clientConfig),
  s3: new S3Client(clientConfig),
});
export type Clients = ReturnType<typeof clientsOf>;

/** Examines, and reads the report that the execution's answer names. */
export async function examined(sandbox: Sandbox, tenantId?: string): Promise<DoctorReport> {
  const { status, output, error, cause } = await examine(sandbox, tenantId);
  if (status !== 'SUCCEEDED') throw new Error(`the examination ended ${status}: ${error} ${cause}`);
  return await reportAt(sandbox, (JSON.parse(output ?? '{}') as { report: string }).report);
}

export async function reportAt(sandbox: Sandbox, Key: string): Promise<DoctorReport> {
  const s3 = new S3Client(sandbox.clientConfig);
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: sandbox.output('AuditBucketName'), Key }));
  const report = JSON.parse((await Body?.transformToString()) ?? '') as DoctorReport;
  s3.destroy();
  return report;
}

/** Findings as `kind resource → repair`, by tenant. */
export const summaryOf = ({ tenants }: DoctorReport): Record<string, string[]> =>
  Object.fromEntries(
    tenants
      .map(({ tenantId, findings }) => [tenantId, findings.map(wordsOf).sort()] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );

export const wordsOf = ({ kind, resource, repair }: Finding): string => `${kind} ${resource} → ${repair}`;

export const keyArnOf = ({ services }: Sandbox, tenantId: string): string =>
  services.kms.describe(keyAlias(APP, tenantId)).arn;

export const knowledgeBaseOf = ({ services }: Sandbox, tenantId: string): string =>
  services.bedrock.knowledgeBases().find(({ tags }) => tags[TENANT_TAG] === tenantId)?.id ?? '';

export const statusOf = async (sandbox: Sandbox, tenantId: string): Promise<string> =>
  (await stateOf(sandbox, tenantId)).status;
