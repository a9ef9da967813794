import { keyPolicy } from '../../../tasks/encryption-key/key-policy';

const WRITER = 'arn:aws:iam::123456789012:role/storage-writer';
const READER = 'arn:aws:iam::123456789012:role/knowledge-base';

const SESSIONS = 'arn:aws:iam::123456789012:role/tenant-access';

const policy = keyPolicy({
  tenantId: 'acme',
  partition: 'aws',
  account: '123456789012',
  storageWriterRoleArn: WRITER,
  knowledgeBaseRoleArn: READER,
  tenantAccessRoleArn: SESSIONS,
});
const statement = (sid: string) => policy.Statement.find(({ Sid }) => Sid === sid);
const CRYPTOGRAPHY = /^kms:(Encrypt|Decrypt|GenerateDataKey|ReEncrypt|CreateGrant|\*)/;

describe('keyPolicy', () => {
  it('lets the account administer the key, so that nobody is locked out, and not read with it', () => {
    const administer = statement('AdministerWithoutCryptography');

    expect(administer).toMatchObject({ Effect: 'Allow', Principal: { AWS: 'arn:aws:iam::123456789012:root' } });
    expect(administer?.Action).toEqual(
      expect.arrayContaining(['kms:PutKeyPolicy', 'kms:ScheduleKeyDeletion', 'kms:CancelKeyDeletion', 'kms:EnableKey']),
    );
    expect(administer?.Action.filter((action) => CRYPTOGRAPHY.test(action))).toEqual([]);
  });

  it('allows cryptography to two roles through S3 only, and to sessions of this tenant', () => {
    const allowed = policy.Statement.filter(
      ({ Effect, Action }) => Effect === 'Allow' && Action.some((action) => CRYPTOGRAPHY.test(action)),
    );

    expect(allowed.map(({ Condition }) => Condition)).toEqual([
      { ArnEquals: { 'aws:PrincipalArn': WRITER }, StringLike: { 'kms:ViaService': 's3.*.amazonaws.com' } },
      { ArnEquals: { 'aws:PrincipalArn': READER }, StringLike: { 'kms:ViaService': 's3.*.amazonaws.com' } },
      { ArnEquals: { 'aws:PrincipalArn': SESSIONS }, StringEquals: { 'aws:PrincipalTag/tenant_id': 'acme' } },
    ]);
    expect(statement('ReadDocumentsForIngestion')?.Action).toEqual(['kms:Decrypt']);
  });

  it('denies every cryptographic action to everybody else, whatever IAM says', () => {
    expect(statement('DenyCryptographyToEverybodyElse')).toMatchObject({
      Effect: 'Deny',
      Principal: { AWS: '*' },
      Action: ['kms:CreateGrant', 'kms:Decrypt', 'kms:Encrypt', 'kms:GenerateDataKey*', 'kms:ReEncrypt*'],
      Condition: { ArnNotEquals: { 'aws:PrincipalArn': [WRITER, READER, SESSIONS] } },
    });
  });

  it('denies sessions of every other tenant, and those without one, what the tenant-access role’s own policy may allow', () => {
    expect(statement('DenyOtherTenants')).toMatchObject({
      Effect: 'Deny',
      Principal: { AWS: '*' },
      Action: ['kms:CreateGrant', 'kms:Decrypt', 'kms:Encrypt', 'kms:GenerateDataKey*', 'kms:ReEncrypt*'],
      Condition: {
        ArnEquals: { 'aws:PrincipalArn': SESSIONS },
        StringNotEquals: { 'aws:PrincipalTag/tenant_id': 'acme' },
      },
    });
  });

  it('gives every statement an action and a resource, without which KMS ignores it, and stays below 32 KB', () => {
    expect(policy.Statement.every(({ Action, Resource }) => Action.length > 0 && Resource === '*')).toBe(true);
    expect(JSON.stringify(policy).length).toBeLessThan(32_768);
  });

  it('names the account of the partition it is in', () => {
    const china = keyPolicy({
      partition: 'aws-cn',
      account: '1',
      storageWriterRoleArn: WRITER,
      knowledgeBaseRoleArn: READER,
      tenantAccessRoleArn: SESSIONS,
      tenantId: 'acme',
    });

    expect(china.Statement[0]?.Principal).toEqual({ AWS: 'arn:aws-cn:iam::1:root' });
  });
});
