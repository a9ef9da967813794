import { Duration, Stack } from 'aws-cdk-lib';
import { AnyPrincipal, Effect, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import { appId } from '../../tasks/shared/names';
import { STAGES, type StageConfig } from '../config';
import { removalPolicy } from './removal';

export interface PlatformKeyProps {
  readonly config: StageConfig;
  /** What is encrypted with it, one word. */
  readonly purpose: string;
  /** True: stays when the stack goes. */
  readonly retain: boolean;
}

/** What changes who has power over a key. */
const ADMINISTRATION = [
  'kms:CreateAlias',
  'kms:CreateGrant',
  'kms:DisableKey',
  'kms:PutKeyPolicy',
  'kms:ScheduleKeyDeletion',
  'kms:TagResource',
  'kms:UntagResource',
  'kms:UpdateAlias',
];

/**
 * A rotated key of the platform, for what all tenants share. It carries no managed-by tag, because task roles administer
 * keys that have it; and because a role that makes keys may tag one that has no such tag, the roles of every stage of the app are
 * kept from it here: stages may share an account.
 */
export class PlatformKey extends Construct {
  readonly key: Key;

  constructor(scope: Construct, id: string, { config, purpose, retain }: PlatformKeyProps) {
    super(scope, id);
    const { partition, account } = Stack.of(this);
    this.key = new Key(this, 'Key', {
      alias: `alias/${appId(config.app)}/platform/${purpose}`,
      description: `${appId(config.app)}: ${purpose} of all tenants`,
      enableKeyRotation: true,
      removalPolicy: removalPolicy({ retain }),
      pendingWindow: Duration.days(config.keyDeletionDays),
    });
    this.key.addToResourcePolicy(
      new PolicyStatement({
        sid: 'NoTaskAdministersPlatformKeys',
        effect: Effect.DENY,
        principals: [new AnyPrincipal()],
        actions: ADMINISTRATION,
        resources: ['*'],
        conditions: {
          ArnLike: {
            'aws:PrincipalArn': STAGES.map(
              (stage) => `arn:${partition}:iam::${account}:role/${appId({ ...config.app, stage })}-*`,
            ),
          },
        },
      }),
    );
  }
}
