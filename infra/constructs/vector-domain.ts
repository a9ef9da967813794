import { Stack, Validations } from 'aws-cdk-lib';
import {
  AccountRootPrincipal,
  AnyPrincipal,
  Effect,
  PolicyDocument,
  PolicyStatement,
  ServicePrincipal,
} from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { LogGroup, ResourcePolicy, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { CfnDomain } from 'aws-cdk-lib/aws-opensearchservice';
import { Construct } from 'constructs';
import { vectorIndexName } from '../../tasks/shared/names';
import { type StageConfig, vectorDomainName } from '../config';
import { removalPolicyOfNamed } from './removal';

export interface VectorDomainProps {
  readonly config: StageConfig;
  readonly encryptionKey: IKey;
  /** Roles of tasks that make and look at indices. */
  readonly taskRoleArns: readonly string[];
  readonly knowledgeBaseRoleArn: string;
}

const LOGS = { SEARCH_SLOW_LOGS: 'search-slow', INDEX_SLOW_LOGS: 'index-slow', ES_APPLICATION_LOGS: 'application' };

/**
 * The domain that holds every tenant's vector index. It has a public endpoint, because Bedrock knowledge bases cannot
 * reach a domain in a VPC [knowledge-base-setup]; requests must be signed, and the access policy names who may sign.
 *
 * Fine-grained access control is off, on purpose: it maps IAM role ARNs, and all knowledge bases share one service role, so
 * it could not tell one tenant from another. It would also take a bootstrap over the data plane that CloudFormation has no
 * resource for. IAM and the access policy bind instead; tenants have no access to the domain at all.
 *
 * The L1 construct, because the L2 one sets access policies and log policies through custom resources.
 */
export class VectorDomain extends Construct {
  readonly domain: CfnDomain;
  /** Known from the name alone, so that roles and the domain's own policy can refer to it. */
  readonly arn: string;

  constructor(scope: Construct, id: string, props: VectorDomainProps) {
    super(scope, id);
    const { config, encryptionKey } = props;
    const { partition, region, account } = Stack.of(this);
    const domainName = vectorDomainName(config.app);
    this.arn = `arn:${partition}:es:${region}:${account}:domain/${domainName}`;

    const logGroups = Object.entries(LOGS).map(([kind, name]) => ({
      kind,
      logGroup: new LogGroup(this, `${kind}`, {
        logGroupName: `/aws/opensearch/${domainName}/${name}`,
        retention: config.operationalLogDays as number as RetentionDays,
        removalPolicy: removalPolicyOfNamed(config),
      }),
    }));
    const logPolicy = new ResourcePolicy(this, 'LogPolicy', {
      resourcePolicyName: `${domainName}-domain-logs`,
      policyStatements: [
        new PolicyStatement({
          principals: [
            new ServicePrincipal('es.amazonaws.com', {
              conditions: { StringEquals: { 'aws:SourceAccount': account }, ArnLike: { 'aws:SourceArn': this.arn } },
            }),
          ],
          actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
          resources: logGroups.map(({ logGroup }) => logGroup.logGroupArn),
        }),
      ],
    });

    const { instanceType, nodes, zones, masterInstanceType, volumeGiB } = config.vectorDomain;
    this.domain = new CfnDomain(this, 'Domain', {
      domainName,
      engineVersion: 'OpenSearch_2.19',
      clusterConfig: {
        instanceType,
        instanceCount: nodes,
        zoneAwarenessEnabled: zones > 1,
        ...(zones > 1 && { zoneAwarenessConfig: { availabilityZoneCount: zones } }),
        dedicatedMasterEnabled: masterInstanceType !== undefined,
        ...(masterInstanceType !== undefined && { dedicatedMasterType: masterInstanceType, dedicatedMasterCount: 3 }),
        multiAzWithStandbyEnabled: false,
      },
      ebsOptions: { ebsEnabled: true, volumeType: 'gp3', volumeSize: volumeGiB },
      encryptionAtRestOptions: { enabled: true, kmsKeyId: encryptionKey.keyId },
      nodeToNodeEncryptionOptions: { enabled: true },
      domainEndpointOptions: { enforceHttps: true, tlsSecurityPolicy: 'Policy-Min-TLS-1-2-PFS-2023-10' },
      accessPolicies: accessPolicy(this.arn, props),
      // IAM sees the path only. With an index named in the body, _bulk, _mget and _msearch would pass by its index [ac].
      advancedOptions: { 'rest.action.multi.allow_explicit_index': 'false' },
      logPublishingOptions: Object.fromEntries(
        logGroups.map(({ kind, logGroup }) => [
          kind,
          { enabled: true, cloudWatchLogsLogGroupArn: logGroup.logGroupArn },
        ]),
      ),
      offPeakWindowOptions: { enabled: true },
      softwareUpdateOptions: { autoSoftwareUpdateEnabled: true },
    });
    this.domain.applyRemovalPolicy(removalPolicyOfNamed(config));
    // A new engine version upgrades the domain instead of making another one without the data.
    this.domain.cfnOptions.updatePolicy = { enableVersionUpgrade: true };
    this.domain.node.addDependency(logPolicy);
    acknowledge(this.domain, config);
  }
}

/**
 * Who may call the domain's data plane. Roles are matched by aws:PrincipalArn instead of being principals: a principal
 * must exist when the policy is written, and the task roles come with the stack that depends on this one. Within an
 * account IAM alone can allow a call, so the Deny is what binds: an administrator's es:* does not open tenants' indices.
 */
function accessPolicy(domainArn: string, { taskRoleArns, knowledgeBaseRoleArn }: VectorDomainProps): PolicyDocument {
  const indices = `${domainArn}/${vectorIndexName('*')}`;
  const allow = (actions: readonly string[], resources: readonly string[], roleArns: readonly string[]) =>
    new PolicyStatement({
      effect: Effect.ALLOW,
      principals: [new AccountRootPrincipal()],
      actions: [...actions],
      resources: [...resources],
      conditions: { ArnEquals: { 'aws:PrincipalArn': roleArns } },
    });
  const tasks = ['es:CreateIndex', 'es:GetIndex', 'es:ESHttpGet', 'es:ESHttpHead', 'es:ESHttpPut', 'es:ESHttpPost'];
  const bedrock = ['es:ESHttpGet', 'es:ESHttpHead', 'es:ESHttpPost', 'es:ESHttpPut', 'es:ESHttpDelete'];
  return new PolicyDocument({
    minimize: false,
    statements: [
      allow(tasks, [domainArn, indices], taskRoleArns),
      allow(bedrock, [indices], [knowledgeBaseRoleArn]),
      new PolicyStatement({
        effect: Effect.DENY,
        principals: [new AnyPrincipal()],
        actions: ['es:ESHttp*'],
        resources: [`${domainArn}/*`],
        conditions: { ArnNotEquals: { 'aws:PrincipalArn': [...taskRoleArns, knowledgeBaseRoleArn] } },
      }),
    ],
  });
}

function acknowledge(domain: CfnDomain, { vectorDomain }: StageConfig): void {
  Validations.of(domain).acknowledge(
    {
      id: 'AwsSolutions-OS1',
      reason:
        'Bedrock knowledge bases cannot reach a domain in a VPC. The endpoint takes signed HTTPS requests of the roles named in the access policy only.',
    },
    {
      id: 'AwsSolutions-OS3',
      reason:
        'The callers (Bedrock, Lambda outside a VPC) have no fixed addresses. The access policy admits by role and denies everybody else.',
    },
  );
  if (vectorDomain.masterInstanceType === undefined) {
    Validations.of(domain).acknowledge({
      id: 'AwsSolutions-OS4',
      reason: 'One or two nodes for test tenants: losing the cluster loses nothing that cannot be ingested again.',
    });
  }
  if (vectorDomain.zones === 1) {
    Validations.of(domain).acknowledge({
      id: 'AwsSolutions-OS7',
      reason: 'This stage has one node, for test tenants; availability is not promised. Staging and prod span zones.',
    });
  }
}
