// biome-ignore-all lint/suspicious/noTemplateCurlyInString: IAM writes policy variables like that.
import { type ContextRecord, contextOf } from '../../../sandbox/iam/context';
import { decide, type ResourcePolicy } from '../../../sandbox/iam/evaluate';
import { type PolicyKind, readPolicy } from '../../../sandbox/iam/policy';
import type { RoleSession } from '../../../sandbox/iam/principal';

const ROLE = 'arn:aws:iam::111122223333:role/task';
const ROOT = 'arn:aws:iam::111122223333:root';
const OBJECT = 'arn:aws:s3:::bucket/tenants/acme/x';

const read = (kind: PolicyKind, ...statements: object[]) =>
  readPolicy('a policy', { Version: '2012-10-17', Statement: statements }, kind);

const allow = (changes: object = {}) => ({ Effect: 'Allow', Action: 's3:GetObject', Resource: '*', ...changes });
const deny = (changes: object = {}) => ({ ...allow(changes), Effect: 'Deny' });

function aSession(statements: readonly object[], changes: Partial<RoleSession> = {}): RoleSession {
  return {
    kind: 'role',
    accountId: '111122223333',
    roleArn: ROLE,
    sessionName: 'run',
    policies: [read('identity', ...statements)],
    tags: new Map(),
    ...changes,
  };
}

const onResource = (decides: boolean, ...statements: object[]): ResourcePolicy => ({
  policy: read('resource', ...statements),
  decides,
});

const outcome = (
  principal: Parameters<typeof decide>[1],
  resource?: ResourcePolicy,
  { action = 's3:GetObject', on = OBJECT, ...context }: ContextRecord & { action?: string; on?: string } = {},
) => {
  const decision = decide({ action, resource: on, context: contextOf(context) }, principal, resource);
  return decision.allowed ? 'allowed' : decision.reason;
};

describe('identity policies', () => {
  it('allow nothing by default', () => {
    expect(outcome(aSession([]))).toBe('identity policy');
  });

  it('lose to an explicit deny', () => {
    expect(outcome(aSession([allow(), deny()]))).toBe('explicit deny');
  });

  it.each([
    [{ Action: 's3:Get*' }, 'allowed'],
    [{ Action: 'S3:getobject' }, 'allowed'],
    [{ Action: ['s3:PutObject', 's3:GetObject?'] }, 'identity policy'],
    [{ Action: undefined, NotAction: 's3:PutObject' }, 'allowed'],
    [{ Action: undefined, NotAction: 's3:*' }, 'identity policy'],
    [{ Resource: 'arn:aws:s3:::bucket/tenants/*' }, 'allowed'],
    [{ Resource: 'arn:aws:s3:::bucket/tenants/acme' }, 'identity policy'],
    [{ Resource: undefined, NotResource: 'arn:aws:s3:::bucket/other/*' }, 'allowed'],
    [{ Resource: undefined, NotResource: 'arn:aws:s3:::bucket/*' }, 'identity policy'],
  ])('%j: %s', (changes, result) => {
    expect(outcome(aSession([allow(changes)]))).toBe(result);
  });

  it.each([
    ['its own prefix', 'acme', 'allowed'],
    ['a neighbour whose id it begins with', 'acm', 'identity policy'],
    ['nothing when the tag is missing', undefined, 'identity policy'],
  ])('with a tag in the resource reach %s', (_title, tenant, result) => {
    const statement = allow({ Resource: 'arn:aws:s3:::bucket/tenants/${aws:PrincipalTag/tenant_id}/*' });

    expect(outcome(aSession([statement]), undefined, { 'aws:PrincipalTag/tenant_id': tenant })).toBe(result);
  });

  it('take variables for text under the old policy language', () => {
    const policy = readPolicy(
      'old',
      { Statement: [allow({ Resource: 'arn:aws:s3:::bucket/${aws:PrincipalTag/t}' })] },
      'identity',
    );

    expect(
      outcome(aSession([], { policies: [policy] }), undefined, { on: 'arn:aws:s3:::bucket/${aws:PrincipalTag/t}' }),
    ).toBe('allowed');
  });

  it('count a Deny with NotResource as inert when its variable has no value: the reading that opens more', () => {
    const statement = deny({ Resource: undefined, NotResource: 'arn:aws:s3:::bucket/${aws:PrincipalTag/t}/*' });

    expect(outcome(aSession([allow(), statement]))).toBe('allowed');
    expect(outcome(aSession([allow(), statement]), undefined, { 'aws:PrincipalTag/t': 'x' })).toBe('explicit deny');
  });
});

describe('the policy of a bucket', () => {
  it.each([
    ['the role', { AWS: ROLE }, 'allowed'],
    ['the session', { AWS: 'arn:aws:sts::111122223333:assumed-role/task/run' }, 'allowed'],
    ['everybody', '*', 'allowed'],
    ['the account, which decides by identity policies', { AWS: ROOT }, 'identity policy'],
    ['another role', { AWS: `${ROLE}-2` }, 'identity policy'],
    ['a service', { Service: 'events.amazonaws.com' }, 'identity policy'],
  ])('is enough when it allows %s', (_title, Principal, result) => {
    expect(outcome(aSession([]), onResource(false, allow({ Principal })))).toBe(result);
  });

  it('is not needed when the identity policy allows', () => {
    expect(outcome(aSession([allow()]), onResource(false, allow({ Principal: { AWS: `${ROLE}-2` } })))).toBe('allowed');
  });

  it('denies whoever it names by account or as everybody', () => {
    expect(outcome(aSession([allow()]), onResource(false, deny({ Principal: { AWS: ROOT } })))).toBe('explicit deny');
    expect(outcome(aSession([allow()]), onResource(false, deny({ Principal: '*' })))).toBe('explicit deny');
  });

  it('leaves out of a Deny only whom NotPrincipal names with account, role and session', () => {
    const all = [ROOT, ROLE, 'arn:aws:sts::111122223333:assumed-role/task/run'];
    const denying = (AWS: string[]) => onResource(false, deny({ NotPrincipal: { AWS } }));

    expect(outcome(aSession([allow()]), denying(all))).toBe('allowed');
    expect(outcome(aSession([allow()]), denying([ROLE]))).toBe('explicit deny');
  });
});

describe('a key policy', () => {
  it('has to allow: identity policies alone do nothing', () => {
    expect(outcome(aSession([allow()]), onResource(true))).toBe('resource policy');
  });

  it('delegates to identity policies by naming the account', () => {
    const delegating = onResource(true, allow({ Principal: { AWS: ROOT } }));

    expect(outcome(aSession([allow()]), delegating)).toBe('allowed');
    expect(outcome(aSession([]), delegating)).toBe('identity policy');
  });

  it('is enough when it names the role', () => {
    expect(outcome(aSession([]), onResource(true, allow({ Principal: { AWS: ROLE } })))).toBe('allowed');
  });

  it('delegates only what its conditions allow', () => {
    const Condition = { ArnEquals: { 'aws:PrincipalArn': ROLE } };
    const delegating = onResource(true, allow({ Principal: { AWS: ROOT }, Condition }));

    expect(outcome(aSession([allow()]), delegating, { 'aws:PrincipalArn': ROLE })).toBe('allowed');
    expect(outcome(aSession([allow()]), delegating, { 'aws:PrincipalArn': `${ROLE}-2` })).toBe('resource policy');
  });
});

describe('a session policy', () => {
  const narrow = read('identity', allow({ Action: 's3:PutObject' }));

  it('limits what the role may do', () => {
    expect(outcome(aSession([allow()], { sessionPolicy: narrow }))).toBe('session policy');
    expect(
      outcome(aSession([allow({ Action: 's3:*' })], { sessionPolicy: narrow }), undefined, { action: 's3:PutObject' }),
    ).toBe('allowed');
  });

  it('does not limit what a resource policy grants to the session itself', () => {
    const Principal = { AWS: 'arn:aws:sts::111122223333:assumed-role/task/run' };

    expect(outcome(aSession([], { sessionPolicy: narrow }), onResource(false, allow({ Principal })))).toBe('allowed');
    expect(
      outcome(aSession([], { sessionPolicy: narrow }), onResource(false, allow({ Principal: { AWS: ROLE } }))),
    ).toBe('session policy');
  });
});

describe('a service', () => {
  const service = {
    kind: 'service',
    name: 'events.amazonaws.com',
    sourceArn: 'arn:aws:events:eu-central-1:111122223333:rule/r',
  } as const;

  it('is allowed by resource policies alone', () => {
    expect(outcome(service, onResource(false, allow({ Principal: { Service: 'events.amazonaws.com' } })))).toBe(
      'allowed',
    );
    expect(outcome(service, onResource(false, allow({ Principal: { Service: 'states.amazonaws.com' } })))).toBe(
      'resource policy',
    );
    expect(outcome(service)).toBe('resource policy');
  });
});

describe('a policy that the sandbox would not enforce as AWS does', () => {
  it.each([
    ['identity', allow({ Resource: 'bucket/*' }), 'is no ARN'],
    ['identity', allow({ NotAction: 's3:*' }), 'not both'],
    ['identity', allow({ Principal: '*' }), 'no Principal'],
    ['resource', allow(), 'needs Principal'],
    ['resource', allow({ NotPrincipal: { AWS: ROLE } }), 'lets everybody in'],
    ['trust', allow({ Principal: { AWS: ROLE } }), 'has no Resource'],
    ['identity', allow({ Resouce: '*' }), 'Resouce'],
  ] as const)('is refused: %s %j', (kind, statement, message) => {
    expect(() => read(kind, statement)).toThrow(message);
  });
});

describe('somebody whom an identity provider vouches for', () => {
  const trusts = (provider: string) =>
    onResource(true, { Effect: 'Allow', Action: 's3:GetObject', Resource: '*', Principal: { Federated: provider } });
  const federated = { kind: 'federated', provider: 'cognito-identity.amazonaws.com' } as const;

  it('is allowed what a policy allows to those of this provider', () => {
    expect(outcome(federated, trusts('cognito-identity.amazonaws.com'))).toBe('allowed');
    expect(outcome(federated, trusts('accounts.google.com'))).toBe('resource policy');
    expect(outcome(aSession([]), trusts('cognito-identity.amazonaws.com'))).toBe('resource policy');
  });

  it('is not the account, and has no policies of its own', () => {
    const account = onResource(true, allow({ Principal: { AWS: ROOT } }));

    expect(outcome(federated, account)).toBe('resource policy');
  });
});
