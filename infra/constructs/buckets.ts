import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { AnyPrincipal, Effect, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  type BucketProps,
  type IBucket,
  ObjectLockRetention,
  ObjectOwnership,
} from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { AUDIT_ROOT, chainPrefix, UNASSIGNED_AUDIT_ROOT } from '../../tasks/shared/names';
import type { StageConfig } from '../config';
import { removalPolicy } from './removal';

/** What holds for every bucket: private, TLS 1.2, versioned, no ACLs. */
const PRIVATE = {
  blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
  objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
  enforceSSL: true,
  minimumTLSVersion: 1.2,
  versioned: true,
} satisfies BucketProps;

const FORGOTTEN_UPLOADS = { id: 'abort-forgotten-uploads', abortIncompleteMultipartUploadAfter: Duration.days(7) };

export interface BucketConstructProps {
  readonly config: StageConfig;
  readonly encryptionKey: IKey;
  readonly accessLogs: IBucket;
}

/**
 * Server access logs of the other buckets. S3 delivers them only to a bucket with S3-managed encryption. It stays in every
 * stage: the audit bucket, which stays, goes on logging to it, and CloudFormation cannot delete a bucket that holds objects.
 */
export class AccessLogBucket extends Construct {
  readonly bucket: IBucket;

  constructor(scope: Construct, id: string, config: StageConfig) {
    super(scope, id);
    this.bucket = new Bucket(this, 'Bucket', {
      ...PRIVATE,
      encryption: BucketEncryption.S3_MANAGED,
      removalPolicy: RemovalPolicy.RETAIN,
      lifecycleRules: [
        FORGOTTEN_UPLOADS,
        {
          id: 'expire',
          expiration: Duration.days(config.operationalLogDays),
          noncurrentVersionExpiration: Duration.days(1),
        },
      ],
      // exactOptionalPropertyTypes sees a difference between the class and its own interface.
    }) as IBucket;
  }
}

/**
 * Objects of all tenants, each below its prefix and under its own key. The default key is the platform's, for what is
 * written without naming one. No bucket key: with it the encryption context would no longer name the object, and the
 * conditions of key policies on it would not match.
 */
export class DataBucket extends Construct {
  readonly bucket: Bucket;

  constructor(scope: Construct, id: string, { config, encryptionKey, accessLogs }: BucketConstructProps) {
    super(scope, id);
    this.bucket = new Bucket(this, 'Bucket', {
      ...PRIVATE,
      encryption: BucketEncryption.KMS,
      encryptionKey,
      bucketKeyEnabled: false,
      serverAccessLogsBucket: accessLogs,
      serverAccessLogsPrefix: 'data/',
      lifecycleRules: [FORGOTTEN_UPLOADS],
      removalPolicy: removalPolicy(config),
    });
  }
}

export interface AuditBucketProps extends BucketConstructProps {
  /** Roles that write audit records, histories or chains. */
  readonly writers: readonly string[];
  /** Of these, the roles that write chains. */
  readonly chainWriters: readonly string[];
}

/**
 * The audit trail: write-once for the stage's time, under a key of its own, and never removed with the stack. Whatever an
 * identity policy of the account allows, nobody else puts an object into it: a record that somebody adds would be vouched
 * for by the next link of the chain.
 */
export class AuditBucket extends Construct {
  readonly bucket: Bucket;

  constructor(
    scope: Construct,
    id: string,
    { config, encryptionKey, accessLogs, writers, chainWriters }: AuditBucketProps,
  ) {
    super(scope, id);
    const { mode, days } = config.auditLock;
    this.bucket = new Bucket(this, 'Bucket', {
      ...PRIVATE,
      encryption: BucketEncryption.KMS,
      encryptionKey,
      bucketKeyEnabled: true,
      objectLockEnabled: true,
      objectLockDefaultRetention:
        mode === 'COMPLIANCE'
          ? ObjectLockRetention.compliance(Duration.days(days))
          : ObjectLockRetention.governance(Duration.days(days)),
      serverAccessLogsBucket: accessLogs,
      serverAccessLogsPrefix: 'audit/',
      lifecycleRules: [FORGOTTEN_UPLOADS],
      removalPolicy: RemovalPolicy.RETAIN,
    });
    this.onlyTheseWrite('OnlyTasksWriteTheAuditTrail', writers, [`${AUDIT_ROOT}*`, `${UNASSIGNED_AUDIT_ROOT}*`]);
    this.onlyTheseWrite('OnlyTheArchiveWritesChains', chainWriters, [`${chainPrefix('*')}*`]);
  }

  /** By ARNs that names determine: roles come and go with the other stack. A session counts as its role. */
  private onlyTheseWrite(sid: string, roleArns: readonly string[], keys: readonly string[]): void {
    this.bucket.addToResourcePolicy(
      new PolicyStatement({
        sid,
        effect: Effect.DENY,
        principals: [new AnyPrincipal()],
        actions: ['s3:PutObject'],
        resources: keys.map((key) => this.bucket.arnForObjects(key)),
        conditions: { ArnNotEquals: { 'aws:PrincipalArn': [...roleArns] } },
      }),
    );
  }
}
