import type { Key } from '../aws/kms/key-store';
import type { ResourcePolicy } from './evaluate';
import { type Policy, readPolicy } from './policy';

/** A role as IAM keeps it. */
export interface Role {
  readonly arn: string;
  readonly name: string;
  readonly trust: Policy;
  /** Inline and customer managed policies. */
  readonly policies: Policy[];
  readonly tags: ReadonlyMap<string, string>;
  /** Seconds that a session may last. */
  readonly maxSessionDuration: number;
}

export interface NewRole {
  readonly arn: string;
  readonly name: string;
  /** Document of the trust policy. */
  readonly trust: unknown;
  /** Documents by name. */
  readonly policies?: Readonly<Record<string, unknown>>;
  readonly tags?: Readonly<Record<string, string>>;
  /** @default 3600 */
  readonly maxSessionDuration?: number;
}

/** All roles, and all policies on resources: what was deployed. Key policies are KMS's own and only read here. */
export class Directory {
  readonly #roles = new Map<string, Role>();
  readonly #resources = new Map<string, Policy>();
  /** Policies that came before their role. */
  readonly #early = new Map<string, Policy[]>();
  readonly #keyPolicies = new Map<string, Policy>();

  addRole({ arn, name, trust, policies = {}, tags = {}, maxSessionDuration = 3600 }: NewRole): Role {
    const role: Role = {
      arn,
      name,
      trust: readPolicy(`trust policy of role ${name}`, trust, 'trust'),
      policies: [
        ...Object.entries(policies).map(([policy, document]) => identityPolicy(`role ${name}`, policy, document)),
        ...(this.#early.get(name) ?? []),
      ],
      tags: new Map(Object.entries(tags)),
      maxSessionDuration,
    };
    this.#early.delete(name);
    this.#roles.set(arn, role);
    return role;
  }

  /** Attaches an identity policy to roles by name; they may be deployed later. */
  attach(policyName: string, document: unknown, roleNames: readonly string[]): void {
    for (const roleName of roleNames) {
      const policy = identityPolicy(`role ${roleName}`, policyName, document);
      const role = [...this.#roles.values()].find(({ name }) => name === roleName);
      if (role !== undefined) role.policies.push(policy);
      else this.#early.set(roleName, [...(this.#early.get(roleName) ?? []), policy]);
    }
  }

  role(arn: string): Role | undefined {
    return this.#roles.get(arn);
  }

  roles(): readonly Role[] {
    return [...this.#roles.values()];
  }

  /** Sets the policy of a bucket, a queue or a domain. */
  setResourcePolicy(arn: string, document: unknown): void {
    this.#resources.set(arn, readPolicy(`policy of ${arn}`, document, 'resource'));
  }

  /** Adds to the policy of a resource, as Lambda's AddPermission does. */
  addResourceStatement(arn: string, statement: unknown): void {
    const name = `policy of ${arn}`;
    const added = readPolicy(name, { Version: '2012-10-17', Statement: [statement] }, 'resource');
    const statements = [...(this.#resources.get(arn)?.statements ?? []), ...added.statements];
    this.#resources.set(arn, { name, statements });
  }

  /** Policy of a resource for which an Allow on either side is enough; undefined when it has none. */
  policyOf(arn: string): ResourcePolicy | undefined {
    const policy = this.#resources.get(arn);
    return policy && { policy, decides: false };
  }

  /** Read once per key and text, of which an estate has few. */
  keyPolicy({ arn, policy }: Pick<Key, 'arn' | 'policy'>): Policy {
    const id = `${arn} ${policy}`;
    const known = this.#keyPolicies.get(id);
    if (known !== undefined) return known;
    const read = readPolicy(`key policy of ${arn}`, JSON.parse(policy), 'resource');
    this.#keyPolicies.set(id, read);
    return read;
  }
}

const identityPolicy = (owner: string, name: string, document: unknown): Policy =>
  readPolicy(`${owner}, policy ${name}`, document, 'identity');
