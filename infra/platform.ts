import type { Stack } from 'aws-cdk-lib';
import type { Platform } from '../tasks/shared/contract';
import { stateMachineName } from '../tasks/shared/names';
import type { OperationName } from '../tasks/shared/tenant';
import { knowledgeBaseRoleName, type StageConfig, tenantAccessRoleName, vectorDomainName } from './config';
import type { SharedResources } from './stacks/data-stack';

/** ARNs that names determine are put together here, so that roles and functions need no reference to each other. */
export function platformOf(stack: Stack, { app }: StageConfig, shared: SharedResources): Platform {
  const { partition, region, account } = stack;
  const machineArn = (operation: OperationName) =>
    `arn:${partition}:states:${region}:${account}:stateMachine:${stateMachineName(app, operation)}`;
  return {
    app,
    partition,
    region,
    account,
    registryTableArn: shared.registryTableArn,
    auditBucketArn: shared.auditBucketArn,
    auditKeyArn: shared.auditKeyArn,
    dataTableArn: shared.dataTableArn,
    membershipTableArn: shared.membershipTableArn,
    dataBucketArn: shared.dataBucketArn,
    userPoolArn: shared.userPoolArn,
    vectorDomainArn: `arn:${partition}:es:${region}:${account}:domain/${vectorDomainName(app)}`,
    knowledgeBaseRoleArn: `arn:${partition}:iam::${account}:role/${knowledgeBaseRoleName(app)}`,
    tenantAccessRoleArn: `arn:${partition}:iam::${account}:role/${tenantAccessRoleName(app)}`,
    onboardStateMachineArn: machineArn('onboard'),
    offboardStateMachineArn: machineArn('offboard'),
    reinstateStateMachineArn: machineArn('reinstate'),
  };
}
