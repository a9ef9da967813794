import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { Key } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import { appId } from '../../tasks/shared/names';
import type { StageConfig } from '../config';

/**
 * A rotated key of the platform, for what all tenants share. It carries no managed-by tag: task roles may administer keys
 * that have it.
 */
export const platformKey = (scope: Construct, id: string, purpose: string, config: StageConfig, keep: boolean): Key =>
  new Key(scope, id, {
    alias: `alias/${appId(config.app)}/platform/${purpose}`,
    description: `${appId(config.app)}: ${purpose} of all tenants`,
    enableKeyRotation: true,
    removalPolicy: keep ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    pendingWindow: Duration.days(config.keyDeletionDays),
  });
