import { GetCommand } from '@aws-sdk/lib-dynamodb';
import * as z from 'zod/mini';
import { defineOperation } from '../../tasks/access/define-operation';
import { defineOperationContract, MEMBERSHIP, readingInput } from '../../tasks/access/operation';
import { partitionKey } from '../../tasks/shared/names';
import { TenantClients } from '../../tasks/tenant-access/tenant-clients';
import type { TenantSessions } from '../../tasks/tenant-access/tenant-sessions';

/** What infra makes the function, its role and its environment from. */
export const contract = defineOperationContract({
  name: 'read-settings',
  stateName: 'Read settings',
  repeatable: 'It only reads.',
  entry: 'settings/read',
  requires: MEMBERSHIP,
  input: readingInput({}),
  output: z.looseObject({}),
  environment: ['DATA_TABLE'],
});

/** @param sessions made once per function: `tenantSessions(issueBy('tenant-lifecycle-<stage>-issue-tenant-credentials'))` */
export const readSettings = (sessions: TenantSessions) =>
  defineOperation(contract, async ({ accessToken }, { caller, env }) => {
    // AWS itself refuses these clients every other tenant's items, whatever key stands here.
    const { dynamodb } = new TenantClients(await sessions.credentialsOf(caller, accessToken));
    const Key = { pk: partitionKey(caller.tenantId), sk: 'SETTINGS' };
    const { Item = {} } = await dynamodb.send(new GetCommand({ TableName: env.DATA_TABLE, Key }));
    return Item;
  });
