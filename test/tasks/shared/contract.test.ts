import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CONTRACTS as ALL } from '../../../infra/contracts';
import { RESOURCE_VERBS, RESOURCES, resourcesOf, TEARDOWN, TENANT_RESOURCES } from '../../../tasks/resources';
import {
  ENVIRONMENT,
  type EnvironmentName,
  type Platform,
  type TaskContract,
  TaskInput,
} from '../../../tasks/shared/contract';
import {
  ONBOARDING_STATUSES,
  PROVISION_STATUSES,
  PURGE_STATUSES,
  RETIRED_STATUSES,
  STATUSES,
} from '../../../tasks/shared/tenant';
import {
  ACCOUNT,
  APP,
  anEnvironment,
  aTaskInput,
  OFFBOARD_MACHINE_ARN,
  REGION,
  REINSTATE_MACHINE_ARN,
  STATE_MACHINE_ARN,
} from '../../support/builders';

const CONTRACTS = ALL as unknown as readonly TaskContract<never>[];
const CASES = CONTRACTS.map((contract) => [contract.name, contract] as const);

const PLATFORM: Platform = {
  app: APP,
  partition: 'aws',
  region: REGION,
  account: ACCOUNT,
  registryTableArn: `arn:aws:dynamodb:${REGION}:${ACCOUNT}:table/registry`,
  auditBucketArn: 'arn:aws:s3:::audit-bucket',
  auditKeyArn: `arn:aws:kms:${REGION}:${ACCOUNT}:key/audit`,
  dataTableArn: `arn:aws:dynamodb:${REGION}:${ACCOUNT}:table/data`,
  membershipTableArn: `arn:aws:dynamodb:${REGION}:${ACCOUNT}:table/memberships`,
  dataBucketArn: 'arn:aws:s3:::data-bucket',
  userPoolArn: `arn:aws:cognito-idp:${REGION}:${ACCOUNT}:userpool/pool`,
  vectorDomainArn: `arn:aws:es:${REGION}:${ACCOUNT}:domain/vectors`,
  knowledgeBaseRoleArn: `arn:aws:iam::${ACCOUNT}:role/knowledge-base`,
  tenantAccessRoleArn: `arn:aws:iam::${ACCOUNT}:role/tenant-access`,
  onboardStateMachineArn: STATE_MACHINE_ARN,
  offboardStateMachineArn: OFFBOARD_MACHINE_ARN,
  reinstateStateMachineArn: REINSTATE_MACHINE_ARN,
};

describe('every contract', () => {
  it('has a name and a state name of its own', () => {
    expect(new Set(CONTRACTS.map(({ name }) => name)).size).toBe(CONTRACTS.length);
    expect(new Set(CONTRACTS.map(({ stateName }) => stateName)).size).toBe(CONTRACTS.length);
  });

  it.each(CASES)(
    '%s has a readable state name, a handler file and a reason why it may be repeated',
    (name, contract) => {
      expect(contract.stateName).toMatch(/^[A-Z][a-z ]{1,39}$/);
      if (!['hand-over', 'prove-tenant-gone'].includes(name))
        expect(contract.stateName.toLowerCase().replaceAll(' ', '-')).toBe(name);
      expect(existsSync(join(__dirname, '../../../tasks', `${contract.entry}.ts`))).toBe(true);
      expect(contract.repeatable).toMatch(/^\w.+\.$/);
    },
  );

  it.each(CASES)(
    '%s gives a reason for every wildcard in its permissions, and has none for a whole service',
    (_, contract) => {
      const mayDestroy =
        contract.destructive === true || ['restore-users', 'retire-orphaned-key'].includes(contract.name);
      for (const { actions, resources, conditions, wildcardReason } of contract.permissions(PLATFORM)) {
        if ([...actions, ...resources].some((text) => text.includes('*')))
          expect(wildcardReason).toMatch(/^[A-Z].+\.$/);
        for (const action of actions) expect(action).toMatch(/^[a-z0-9-]+:[A-Za-z]+$/);
        if (!mayDestroy && actions.some((action) => /Delete(?!Message)|Schedule|Abort/.test(action)))
          throw new Error(`${actions.join()} destroys`);
        expect(conditions === undefined || Object.keys(conditions).length > 0).toBe(true);
      }
    },
  );
});

describe('the list of resources', () => {
  it('has one type per resource, each after a type that stands before it', () => {
    const types = TENANT_RESOURCES.map(({ type }) => type);

    expect(new Set(types).size).toBe(types.length);
    for (const [position, { after }] of TENANT_RESOURCES.entries()) {
      if (position === 0) expect(after).toBeUndefined();
      else expect(types.slice(0, position)).toContain(after);
    }
  });

  it('writes each type’s ledger by its own task, behind the fence of those that may make it', () => {
    for (const { type, provision } of TENANT_RESOURCES) {
      expect(provision.resource).toBe(type);
      expect(provision.fence).toEqual(PROVISION_STATUSES);
    }
  });

  it('has a knowledge base for premium alone', () => {
    const [standard, premium] = [resourcesOf('standard'), resourcesOf('premium')].map((list) =>
      list.map(({ type }) => type),
    );

    expect(premium).toEqual(RESOURCES.map(({ type }) => type));
    expect(standard).toEqual(premium?.filter((type) => type !== 'knowledge-base'));
  });
});

describe('the teardown', () => {
  it('destroys every resource but the audit log, the key last, and each only in a purge', () => {
    const destroyed = TEARDOWN.map(({ type }) => type as string);
    const elsewhere = ['encryption-key', 'first-admin', 'audit-log'];

    expect([...destroyed, ...elsewhere].sort()).toEqual(TENANT_RESOURCES.map(({ type }) => type).sort());
    for (const { type, destroy } of TEARDOWN) {
      expect(destroy).toMatchObject({ resource: type, destructive: true, fence: PURGE_STATUSES });
    }
  });

  it('lets nothing of a tenant be made in a status in which it may be destroyed', () => {
    expect(PURGE_STATUSES.filter((status) => PROVISION_STATUSES.includes(status))).toEqual([]);
  });

  it('marks every verb that destroys', () => {
    const verbs = RESOURCE_VERBS.filter(({ name }) => name.startsWith('destroy-'));

    expect(verbs).toHaveLength(6);
    expect(verbs.every(({ destructive }) => destructive === true)).toBe(true);
  });
});

describe('statuses', () => {
  it('are either open to onboarding or retired, never both', () => {
    expect([...ONBOARDING_STATUSES, ...RETIRED_STATUSES].sort()).toEqual([...STATUSES].sort());
  });
});

describe('TaskInput', () => {
  it.each([
    { generation: 1.5 },
    { generation: '1' },
    { executionArn: 'not-an-arn' },
    { requestId: '-x' },
    { requestId: 'a b' },
    { requestId: 'r'.repeat(129) },
    { step: '' },
    { more: true },
  ])('refuses %j', (changes) => {
    expect(TaskInput.safeParse({ ...aTaskInput(), ...changes }).success).toBe(false);
  });

  it('admits what a state passes on', () => {
    expect(TaskInput.parse(aTaskInput())).toEqual(aTaskInput());
  });
});

describe('ENVIRONMENT', () => {
  const parse = (name: string, value: string | undefined) => ENVIRONMENT[name as EnvironmentName].safeParse(value);

  it.each(Object.keys(ENVIRONMENT))('demands %s, and admits what a deployed function has', (name) => {
    expect(parse(name, undefined).success).toBe(false);
    expect(parse(name, '').success).toBe(false);
    expect(parse(name, anEnvironment()[name]).success).toBe(true);
  });

  it.each([
    ['AUDIT_DELETION_PROTECTION', 'false', false],
    ['AUDIT_RETENTION_DAYS', '365', 365],
    ['VECTOR_REPLICAS', '0', 0],
    ['KEY_DELETION_DAYS', '7', 7],
    ['KEY_DELETION_DAYS', '30', 30],
    ['HOLD_MINIMUM_SECONDS', '0', 0],
    ['QUOTA_LIMITS', '{"knowledge-base":100}', { 'knowledge-base': 100 }],
  ])('reads %s=%s as %p', (name, value, expected) => {
    expect(parse(name, value).data).toEqual(expected);
  });

  it.each([
    ['AUDIT_DELETION_PROTECTION', 'yes'],
    ['AUDIT_RETENTION_DAYS', 'ever'],
    ['AUDIT_RETENTION_DAYS', '0'],
    ['KEY_DELETION_DAYS', '6'],
    ['KEY_DELETION_DAYS', '31'],
    ['HOLD_DEFAULT_SECONDS', '0'],
    ['HOLD_MINIMUM_SECONDS', '-1'],
    ['PURGE_NEEDS_APPROVAL', 'yes'],
    ['QUOTA_LIMITS', '{'],
    ['QUOTA_LIMITS', '{"knowledge-base":-1}'],
    ['QUOTA_LIMITS', '[1]'],
    ['ACCOUNT_ID', '123'],
    ['AUDIT_KEY_ARN', 'alias/x'],
  ])('refuses %s=%s', (name, value) => {
    expect(parse(name, value).success).toBe(false);
  });
});
