import type { Permission, Platform, TaskContract } from '../tasks/shared/contract';
import { stepRecords } from '../tasks/shared/names';
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
  const records = auditRecordsOf(contract);
  return [
    ...(registryActions.length > 0 ? [registryItems(platform, registryActions)] : []),
    ...(records.length > 0 ? auditRecords(platform, records) : []),
    ...contract.permissions(platform),
    tableKey(platform, registryKeyArn),
    ...(contract.environment.includes('DATA_TABLE') ? [tableKey(platform, dataKeyArn)] : []),
  ];
}

/** The audit records that the task writes: how their keys end, as patterns. */
export function auditRecordsOf({ fence, recordsStep, stateName, furtherStates = [], records = [] }: TaskContract) {
  const steps = fence !== undefined || recordsStep === true ? [stateName, ...furtherStates] : [];
  return [...steps.map(stepRecords), ...records];
}

/** DynamoDB uses a table's key in the name of whoever calls it, to read and to write [services-dynamodb]. */
const tableKey = ({ region }: Platform, keyArn: string): Permission => ({
  actions: ['kms:Decrypt', 'kms:DescribeKey', 'kms:Encrypt', 'kms:GenerateDataKey'],
  resources: [keyArn],
  conditions: { StringEquals: { 'kms:ViaService': `dynamodb.${region}.amazonaws.com` } },
});
