import { Effect, type IPrincipal, type IRole, PolicyDocument, PolicyStatement, Role } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import type { Permission } from '../../tasks/shared/contract';
import { acknowledgeWildcards } from './acknowledge';

export interface LeastPrivilegeRoleProps {
  readonly roleName: string;
  readonly description: string;
  readonly assumedBy: IPrincipal;
  readonly permissions: readonly Permission[];
}

/**
 * A role with exactly the given permissions, written into the role itself so that they exist as soon as it does. Grants
 * that constructs would add on their own (they tend to be wide) are ignored.
 */
export class LeastPrivilegeRole extends Construct {
  readonly role: IRole;

  constructor(
    scope: Construct,
    id: string,
    { roleName, description, assumedBy, permissions }: LeastPrivilegeRoleProps,
  ) {
    super(scope, id);
    const role = new Role(this, 'Role', {
      roleName,
      description,
      assumedBy,
      inlinePolicies: { permissions: new PolicyDocument({ statements: permissions.map(statement) }) },
    });
    acknowledgeWildcards(role, permissions);
    this.role = role.withoutPolicyUpdates();
  }
}

const statement = ({ actions, resources, conditions }: Permission): PolicyStatement =>
  new PolicyStatement({
    effect: Effect.ALLOW,
    actions: [...actions],
    resources: [...resources],
    ...(conditions && { conditions: { ...conditions } }),
  });

/** Traces have no resource to name. */
export const TRACING: Permission = {
  actions: ['xray:PutTraceSegments', 'xray:PutTelemetryRecords'],
  resources: ['*'],
  wildcardReason: 'X-Ray writes have no resource-level permission; they send traces and read nothing.',
};
