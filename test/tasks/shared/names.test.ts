import fc from 'fast-check';
import {
  type App,
  auditLogGroupName,
  auditPrefix,
  auditRecordKey,
  clientToken,
  dataSourceName,
  documentPrefix,
  executionName,
  executionNameOf,
  groupName,
  keyAlias,
  knowledgeBaseName,
  partitionKey,
  partitionPrefix,
  replayName,
  stateMachineName,
  storageMarkerKey,
  storagePrefix,
  successorName,
  taskFunctionName,
  taskRoleName,
  vectorIndexName,
} from '../../../tasks/shared/names';
import { OPERATIONS, RequestId, TenantId } from '../../../tasks/shared/tenant';
import { APP, anExecutionArn } from '../../support/builders';

const tenantId = fc.stringMatching(/^[a-z0-9](-?[a-z0-9]){2,17}$/).filter((id) => TenantId.safeParse(id).success);
const requestId = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/);
/** Two ids, often one the start of the other, as acme and acme2 are. */
const twoTenants = fc
  .oneof(
    fc.tuple(tenantId, tenantId),
    fc.tuple(tenantId, fc.stringMatching(/^-?[a-z0-9]{1,5}$/)).map(([id, more]) => [id, id + more] as const),
  )
  .filter(([a, b]) => a !== b && TenantId.safeParse(b).success);

/** Names that are used as prefixes, or lie below one. */
const COVERING: readonly ((id: string) => string)[] = [
  partitionPrefix,
  storagePrefix,
  storageMarkerKey,
  documentPrefix,
  auditPrefix,
  (id) => auditRecordKey(id, anExecutionArn(), 'A step'),
  (id) => auditLogGroupName(APP, id),
];
/** Names that are compared whole. */
const EXACT: readonly ((id: string) => string)[] = [
  partitionKey,
  vectorIndexName,
  dataSourceName,
  groupName,
  (id) => keyAlias(APP, id),
  (id) => knowledgeBaseName(APP, id),
];

describe('names', () => {
  it('has the names that docs and policies rely on', () => {
    const names = [
      partitionKey('acme'),
      partitionPrefix('acme'),
      storagePrefix('acme'),
      documentPrefix('acme'),
      auditPrefix('acme'),
      keyAlias(APP, 'acme'),
      vectorIndexName('acme'),
      knowledgeBaseName(APP, 'acme'),
      groupName('acme'),
      auditLogGroupName(APP, 'acme'),
    ];

    expect(names).toEqual([
      'TENANT#acme',
      'TENANT#acme#',
      'tenants/acme/',
      'tenants/acme/docs/',
      'audit/acme/',
      'alias/tenant-lifecycle-dev/tenant/acme',
      'tenant-acme',
      'tenant-lifecycle-dev-acme',
      'acme',
      '/tenant-lifecycle/dev/tenants/acme/audit',
    ]);
  });

  it('never lets a prefix of one tenant cover a name of another', () =>
    fc.assert(
      fc.property(
        twoTenants,
        fc.constantFrom(...COVERING),
        fc.constantFrom(...COVERING, ...EXACT),
        ([a, b], prefix, name) => {
          expect(name(b).startsWith(prefix(a))).toBe(false);
          expect(name(a).startsWith(prefix(b))).toBe(false);
        },
      ),
    ));

  it('gives two tenants different names everywhere', () =>
    fc.assert(
      fc.property(twoTenants, fc.constantFrom(...EXACT, ...COVERING), ([a, b], name) => {
        expect(name(a)).not.toBe(name(b));
      }),
    ));

  it('keeps the stages of one account apart', () => {
    const stages: App[] = ['dev', 'staging', 'prod'].map((stage) => ({ name: 'tenant-lifecycle', stage }));

    const names = stages.flatMap((app) => [
      keyAlias(app, 'acme'),
      knowledgeBaseName(app, 'acme'),
      auditLogGroupName(app, 'acme'),
      taskRoleName(app, 'claim-tenant'),
      stateMachineName(app, 'onboard'),
    ]);

    expect(new Set(names).size).toBe(names.length);
  });

  it('gives function and role names that fit the 64 characters of Lambda and IAM', () => {
    const app = { name: 'tenant-lifecycle', stage: 'staging' };

    expect(taskFunctionName(app, 'provision-encryption-key').length).toBeLessThanOrEqual(64);
    expect(taskRoleName(app, 'provision-knowledge-base').length).toBeLessThanOrEqual(64);
  });
});

describe('executionName', () => {
  it('is operation, tenant and request', () => {
    expect(executionName('onboard', 'acme', 'request-1')).toBe('onboard--acme--request-1');
  });

  it('stands for a long request id by 26 characters of its hash', () => {
    const id = 'r'.repeat(27);

    const name = executionName('onboard', 'acme', id);

    expect(name).toMatch(/^onboard--acme--[a-z2-7]{26}$/);
    expect(name).not.toBe(executionName('onboard', 'acme', `${id}r`));
  });

  it('is never that of a replay, whose name is logged by Step Functions as well', () =>
    fc.assert(
      fc.property(tenantId, requestId, requestId, fc.integer({ min: 1, max: 999 }), (tenant, one, other, count) => {
        const replay = replayName(executionName('onboard', tenant, one), count);

        expect(replay).toMatch(/^[0-9A-Za-z_-]{1,80}$/);
        for (const request of [one, other, `${one}-r${count}`, executionNameOf(replay).split('--')[2] ?? ''])
          expect(executionName('onboard', tenant, request)).not.toBe(replay);
      }),
    ));

  it('is never that of a successor', () =>
    fc.assert(
      fc.property(
        tenantId,
        requestId,
        requestId,
        fc.integer({ min: 1, max: 9999 }),
        (tenant, one, other, generation) => {
          const successor = successorName(executionName('offboard', tenant, one), generation);

          expect(successor.length).toBeLessThanOrEqual(80);
          for (const request of [one, other, `${one}-g${generation}`, executionNameOf(successor).split('--')[2] ?? ''])
            expect(executionName('offboard', tenant, request)).not.toBe(successor);
        },
      ),
    ));

  it('always fits the 80 characters of Step Functions and its alphabet', () =>
    fc.assert(
      fc.property(
        fc.constantFrom(...OPERATIONS),
        fc.stringMatching(/^[a-z0-9](-?[a-z0-9]){17}$/),
        requestId,
        (operation, tenant, request) => {
          const name = executionName(operation, tenant, request);

          expect(RequestId.safeParse(request).success).toBe(true);
          expect(name.length).toBeLessThanOrEqual(80);
          expect(name).toMatch(/^[A-Za-z0-9_-]+$/);
          expect(executionNameOf(anExecutionArn(name))).toBe(name);
        },
      ),
    ));

  it('differs whenever operation, tenant or request differ', () =>
    fc.assert(
      fc.property(
        fc.tuple(fc.constantFrom(...OPERATIONS), tenantId, requestId),
        fc.tuple(fc.constantFrom(...OPERATIONS), tenantId, requestId),
        (one, other) => {
          expect(executionName(...one) === executionName(...other)).toBe(one.join('|') === other.join('|'));
        },
      ),
    ));
});

describe('auditRecordKey', () => {
  it('is the same for every repeat of a step of an execution', () => {
    expect(auditRecordKey('acme', anExecutionArn(), 'Provision encryption key')).toBe(
      'audit/acme/onboard--acme--request-1/provision-encryption-key.json',
    );
  });
});

describe('clientToken', () => {
  it('has a length and alphabet that Bedrock accepts', () => {
    expect(clientToken('a', 'b')).toMatch(/^[a-f0-9]{64}$/);
  });

  it('tells apart parts that would run together', () => {
    expect(clientToken('ab', 'c')).not.toBe(clientToken('a', 'bc'));
  });
});

/** The naming rules of each service, from the patterns in its API reference. */
const RULES: Readonly<Record<string, (id: string) => boolean>> = {
  'OpenSearch index': (id) => /^[a-z0-9][a-z0-9_-]{0,254}$/.test(vectorIndexName(id)),
  'Bedrock knowledge base': (id) => /^([0-9a-zA-Z][_-]?){1,100}$/.test(knowledgeBaseName(APP, id)),
  'Bedrock data source': (id) => /^([0-9a-zA-Z][_-]?){1,100}$/.test(dataSourceName(id)),
  'KMS alias': (id) => /^alias\/[a-zA-Z0-9/_-]{1,250}$/.test(keyAlias(APP, id)),
  'log group': (id) =>
    /^[a-zA-Z0-9_/.#-]{1,512}$/.test(auditLogGroupName(APP, id)) && !auditLogGroupName(APP, id).startsWith('aws/'),
  'Cognito group': (id) => /^[\p{L}\p{M}\p{S}\p{N}\p{P}]{1,128}$/u.test(groupName(id)),
  'IAM tag value': (id) => /^[\p{L}\p{Z}\p{N}_.:/=+\-@]{0,256}$/u.test(id),
  'S3 key': (id) => /^[a-zA-Z0-9!_.*'()/-]{1,1024}$/.test(storagePrefix(id)),
};

describe('TenantId', () => {
  it.each(Object.entries(RULES))('admits only what makes a valid %s', (_, rule) => {
    fc.assert(
      fc.property(
        fc.oneof(
          tenantId,
          fc.string({ unit: fc.constantFrom('a', '9', '-', '_', '.', '#', '*', 'A', 'é', '/'), maxLength: 38 }),
        ),
        (id) => {
          fc.pre(TenantId.safeParse(id).success);
          expect(rule(id)).toBe(true);
        },
      ),
    );
  });

  it.each(['abc', 'acme2', 'a-b', '123e4567-e89b-12d3-a456-426614174000', '01hzy3v8k2m4n6p8q0r2s4t6v8'])(
    'admits %s',
    (id) => {
      expect(TenantId.safeParse(id).success).toBe(true);
    },
  );

  it.each([
    '',
    'ab',
    'Acme',
    'a--b',
    '-acme',
    'acme-',
    'a*c',
    'a#c',
    'a/c',
    'a.c',
    '..',
    '...',
    'acmé',
    'ac me',
    'acme\n',
    'a'.repeat(37),
  ])('refuses %j', (id) => {
    expect(TenantId.safeParse(id).success).toBe(false);
  });
});
