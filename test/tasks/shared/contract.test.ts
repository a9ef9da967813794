import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { LIFECYCLE_CONTRACTS } from '../../../tasks/lifecycle/contract';
import { RESOURCES, resourcesOf, TENANT_RESOURCES } from '../../../tasks/resources';
import {
  ENVIRONMENT,
  type EnvironmentName,
  type Platform,
  type TaskContract,
  TaskInput,
} from '../../../tasks/shared/contract';
import { ONBOARDING_STATUSES, RETIRED_STATUSES, STATUSES } from '../../../tasks/shared/tenant';
import { ACCOUNT, APP, anEnvironment, aTaskInput, REGION, STATE_MACHINE_ARN } from '../../support/builders';

const CONTRACTS: readonly TaskContract<never>[] = [
  ...TENANT_RESOURCES.map(({ provision }) => provision as unknown as TaskContract<never>),
  ...LIFECYCLE_CONTRACTS.map((contract) => contract as unknown as TaskContract<never>),
];
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
  dataBucketArn: 'arn:aws:s3:::data-bucket',
  userPoolArn: `arn:aws:cognito-idp:${REGION}:${ACCOUNT}:userpool/pool`,
  vectorDomainArn: `arn:aws:es:${REGION}:${ACCOUNT}:domain/vectors`,
  knowledgeBaseRoleArn: `arn:aws:iam::${ACCOUNT}:role/knowledge-base`,
  onboardStateMachineArn: STATE_MACHINE_ARN,
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
      expect(contract.stateName.toLowerCase().replaceAll(' ', '-')).toBe(name);
      expect(existsSync(join(__dirname, '../../../tasks', `${contract.entry}.ts`))).toBe(true);
      expect(contract.repeatable).toMatch(/^\w.+\.$/);
    },
  );

  it.each(CASES)(
    '%s gives a reason for every wildcard in its permissions, and has none for a whole service',
    (_, contract) => {
      for (const { actions, resources, conditions, wildcardReason } of contract.permissions(PLATFORM)) {
        if ([...actions, ...resources].some((text) => text.includes('*')))
          expect(wildcardReason).toMatch(/^[A-Z].+\.$/);
        for (const action of actions) expect(action).toMatch(/^[a-z0-9-]+:[A-Za-z]+$/);
        if (actions.some((action) => /Delete|Schedule/.test(action))) throw new Error(`${actions.join()} destroys`);
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

  it('writes each type’s ledger by its own task, behind the onboarding fence', () => {
    for (const { type, provision } of TENANT_RESOURCES) {
      expect(provision.resource).toBe(type);
      expect(provision.fence).toEqual(ONBOARDING_STATUSES);
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
    ['QUOTA_LIMITS', '{"knowledge-base":100}', { 'knowledge-base': 100 }],
  ])('reads %s=%s as %p', (name, value, expected) => {
    expect(parse(name, value).data).toEqual(expected);
  });

  it.each([
    ['AUDIT_DELETION_PROTECTION', 'yes'],
    ['AUDIT_RETENTION_DAYS', 'ever'],
    ['AUDIT_RETENTION_DAYS', '0'],
    ['QUOTA_LIMITS', '{'],
    ['QUOTA_LIMITS', '{"knowledge-base":-1}'],
    ['QUOTA_LIMITS', '[1]'],
    ['ACCOUNT_ID', '123'],
    ['AUDIT_KEY_ARN', 'alias/x'],
  ])('refuses %s=%s', (name, value) => {
    expect(parse(name, value).success).toBe(false);
  });
});
