import { Stack, Validations } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';
import type { Permission } from '../../tasks/shared/contract';

/**
 * Records, next to a role, why each wildcard in its permissions is safe (cdk-nag AwsSolutions-IAM5). A wildcard without a
 * reason stops the synthesis.
 */
export function acknowledgeWildcards(role: IConstruct, permissions: readonly Permission[]): void {
  for (const { actions, resources, wildcardReason: reason } of permissions) {
    const findings = [
      ...actions.filter((action) => action.includes('*')).map((action) => `Action::${action}`),
      ...resources
        .map((resource) => flat(Stack.of(role).resolve(resource)))
        .filter((resource) => resource.includes('*'))
        .map((resource) => `Resource::${resource}`),
    ];
    for (const finding of findings) {
      if (reason === undefined) throw new Error(`${role.node.path}: no reason is given for the wildcard ${finding}`);
      Validations.of(role).acknowledge({ id: `AwsSolutions-IAM5[${finding}]`, reason });
    }
  }
}

/** A resolved ARN as cdk-nag writes it in the id of a finding: references in angle brackets. */
function flat(value: unknown): string {
  if (typeof value === 'string') return value.replaceAll('${', '<').replaceAll('}', '>');
  const [kind, argument] = Object.entries(value as Record<string, unknown>)[0] ?? [];
  if (kind === 'Ref') return `<${flat(argument)}>`;
  if (kind === 'Fn::ImportValue') return flat(argument);
  const parts = argument as unknown[];
  if (kind === 'Fn::GetAtt') return `<${parts.map(flat).join('.')}>`;
  if (kind === 'Fn::Join') return (parts[1] as unknown[]).map(flat).join(String(parts[0]));
  return JSON.stringify(value);
}
