import { RemovalPolicy } from 'aws-cdk-lib';
import type { StageConfig } from '../config';

/**
 * What becomes of a resource when its stack, or its place in the template, goes; for those whose name AWS chooses. What a
 * first deployment that failed leaves behind is empty and in nobody's way, and the deletion protection of tables and user
 * pool would turn its removal into a rollback that fails as well.
 */
export const removalPolicy = ({ retain }: Pick<StageConfig, 'retain'>): RemovalPolicy =>
  retain ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY;

/**
 * The same for resources with a name of ours. One that a failed first deployment left behind would refuse its name to the
 * next, so CloudFormation removes it with the rollback of its creation, and only then (RetainExceptOnCreate).
 */
export const removalPolicyOfNamed = ({ retain }: Pick<StageConfig, 'retain'>): RemovalPolicy =>
  retain ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY;
