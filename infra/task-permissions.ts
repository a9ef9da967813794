import type { Permission, Platform, TaskContract } from '../tasks/shared/contract';
import { auditRecords, registryItems } from '../tasks/shared/permissions';
import type { SharedResources } from './stacks/data-stack';

/**
 * All that a task's role may do, apart from its own log and trace: what stands in the contract, and what follows from it.
 * A fenced task reads its tenant's record first and writes an audit record last; a task with a ledger writes its entry.
 */
export function taskPermissions(
  contract: TaskContract,
  platform: Platform,
  { registryKeyArn, dataKeyArn }: Pick<SharedResources, 'registryKeyArn' | 'dataKeyArn'>,
): readonly Permission[] {
  const fenced = contract.fence !== undefined;
  const registryActions = [
    ...(fenced ? ['dynamodb:GetItem'] : []),
    ...(contract.resource === undefined || contract.readsLedger === true ? [] : ['dynamodb:PutItem']),
  ];
  return [
    ...(registryActions.length > 0 ? [registryItems(platform, registryActions)] : []),
    ...(fenced ? auditRecords(platform) : []),
    ...contract.permissions(platform),
    tableKey(platform, registryKeyArn),
    ...(contract.environment.includes('DATA_TABLE') ? [tableKey(platform, dataKeyArn)] : []),
  ];
}

/** DynamoDB uses a table's key in the name of whoever calls it, to read and to write [services-dynamodb]. */
const tableKey = ({ region }: Platform, keyArn: string): Permission => ({
  actions: ['kms:Decrypt', 'kms:DescribeKey', 'kms:Encrypt', 'kms:GenerateDataKey'],
  resources: [keyArn],
  conditions: { StringEquals: { 'kms:ViaService': `dynamodb.${region}.amazonaws.com` } },
});
