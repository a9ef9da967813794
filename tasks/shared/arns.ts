import type { Platform } from './contract';
import { appId } from './names';

/** All executions of this app's and stage's state machines. */
export const executionArnPattern = ({ app, partition, region, account }: Platform): string =>
  `arn:${partition}:states:${region}:${account}:execution:${appId(app)}-*-tenant:*`;
