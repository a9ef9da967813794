import type { Services } from '../../sandbox/aws';
import { readAssembly } from '../../sandbox/deploy/assembly';
import { NO_VALUE, resolve } from '../../sandbox/deploy/intrinsics';
import { Authorizer } from '../../sandbox/iam/authorizer';
import { Directory } from '../../sandbox/iam/directory';
import type { ResourcePolicy } from '../../sandbox/iam/evaluate';
import { readPolicy } from '../../sandbox/iam/policy';
import { Sessions } from '../../sandbox/iam/sessions';
import { keyPolicy } from '../../tasks/encryption-key/key-policy';
import { ASSEMBLY } from '../support/assembly';

export const ACCOUNT = '123456789012';
export const REGION = 'eu-central-1';
export const APP = { name: 'tenant-lifecycle', stage: 'dev' } as const;

// biome-ignore lint/suspicious/noExplicitAny: properties follow CloudFormation's schemas, and mutations reach into them.
type Properties = any;
export interface Resource {
  readonly Type: string;
  Properties: Properties;
}

/** A copy of the synthesized stage, references resolved, and the policies that its tasks give to keys. Made to be changed. */
export interface Stage {
  readonly resources: Record<string, Resource>;
  /** Policy document of a tenant's key. */
  keyPolicyOf(tenantId: string): Properties;
}

let template: Readonly<Record<string, Resource>> | undefined;

export async function aStage(): Promise<Stage> {
  template ??= await resolvedTemplate();
  const resources = structuredClone(template);
  const roleArn = (name: string) => roleArnOf(`${APP.name}-${APP.stage}-${name}`);
  return {
    resources,
    keyPolicyOf: (tenantId) =>
      keyPolicy({
        partition: 'aws',
        account: ACCOUNT,
        storageWriterRoleArn: roleArn('provision-storage-prefix'),
        knowledgeBaseRoleArn: roleArn('knowledge-base'),
        tenantAccessRoleArn: roleArn('tenant-access'),
        tenantId,
      }),
  };
}

export const roleArnOf = (roleName: string): string => `arn:aws:iam::${ACCOUNT}:role/${roleName}`;

export const ofType = ({ resources }: Stage, type: string): [string, Properties][] =>
  Object.entries(resources)
    .filter(([, { Type }]) => Type === type)
    .map(([id, { Properties }]) => [id, Properties]);

/** The one resource of the type whose logical id starts so. */
export function named(stage: Stage, type: string, prefix: string): Properties {
  const found = ofType(stage, type).filter(([id]) => id.startsWith(prefix));
  if (found.length !== 1) throw new Error(`${found.length} resources of ${type} are called ${prefix}…`);
  return found[0]?.[1];
}

export const roleOf = (stage: Stage, task: string): Properties => {
  const found = ofType(stage, 'AWS::IAM::Role').find(
    ([, { RoleName }]) => RoleName === `${APP.name}-${APP.stage}-${task}`,
  );
  if (found === undefined) throw new Error(`there is no role of ${task}`);
  return found[1];
};

/** Statements of a role's own policy. */
export const statementsOf = (role: Properties): Properties[] =>
  (role.Policies ?? []).flatMap(({ PolicyDocument }: Properties) => PolicyDocument.Statement);

const TYPES = /^AWS::(IAM::Role|IAM::Policy|S3::BucketPolicy|KMS::Key|Cognito::.*)$/;

async function resolvedTemplate(): Promise<Readonly<Record<string, Resource>>> {
  const exported = new Map<string, unknown>();
  const resources: Record<string, Resource> = {};
  for (const { template: stack, name } of readAssembly(ASSEMBLY)) {
    const pseudo: Readonly<Record<string, string>> = {
      'AWS::AccountId': ACCOUNT,
      'AWS::Region': REGION,
      'AWS::Partition': 'aws',
      'AWS::URLSuffix': 'amazonaws.com',
      'AWS::StackName': name,
    };
    const references = {
      // Only what a policy names by Ref has an ARN there.
      ref: async (id: string) =>
        pseudo[id] ?? (/::(StateMachine|Topic)$/.test(stack.Resources[id]?.Type ?? '') ? arnOf(id, undefined, {}) : id),
      getAtt: async (id: string, attribute: string) => {
        const resource = stack.Resources[id];
        return attribute.endsWith('Arn') ? arnOf(id, resource?.Type, resource?.Properties ?? {}) : `${id}.${attribute}`;
      },
      importValue: (exportName: string) => exported.get(exportName),
      findInMap: () => 'mapped',
      condition: async () => true,
    };
    for (const { Value, Export } of Object.values(stack.Outputs ?? {}))
      if (Export !== undefined) exported.set(String(Export.Name), await resolve(Value, references));
    for (const [id, { Type, Properties: properties }] of Object.entries(stack.Resources)) {
      if (!TYPES.test(Type)) continue;
      const resolved = await resolve(properties ?? {}, references);
      resources[id] = { Type, Properties: resolved === NO_VALUE ? {} : resolved };
    }
  }
  return resources;
}

function arnOf(id: string, type: string | undefined, properties: Properties): string {
  switch (type) {
    case 'AWS::DynamoDB::Table':
      return `arn:aws:dynamodb:${REGION}:${ACCOUNT}:table/${id}`;
    case 'AWS::S3::Bucket':
      return `arn:aws:s3:::${id.toLowerCase()}`;
    case 'AWS::KMS::Key':
      return `arn:aws:kms:${REGION}:${ACCOUNT}:key/${id}`;
    case 'AWS::IAM::Role':
      return roleArnOf(String(properties.RoleName ?? id));
    default:
      return `arn:aws:any:${REGION}:${ACCOUNT}:${id}`;
  }
}

/**
 * IAM with roles of the stage and nothing else: no services, no calls.
 * @param names of the roles @default all
 */
export function iamOf(
  stage: Stage,
  names?: readonly string[],
): { readonly iam: Authorizer; readonly directory: Directory } {
  const estate = { clock: { now: () => 0 }, accountId: ACCOUNT, region: REGION } as never;
  const directory = new Directory();
  for (const [, { RoleName, AssumeRolePolicyDocument, Policies = [], Tags = [] }] of ofType(stage, 'AWS::IAM::Role')) {
    if (names?.includes(RoleName) === false) continue;
    directory.addRole({
      arn: roleArnOf(RoleName),
      name: RoleName,
      trust: AssumeRolePolicyDocument,
      policies: Object.fromEntries(
        Policies.map(({ PolicyName, PolicyDocument }: Properties) => [PolicyName, PolicyDocument]),
      ),
      tags: Object.fromEntries(Tags.map(({ Key, Value }: Properties) => [Key, Value])),
    });
  }
  for (const [, { PolicyName, PolicyDocument, Roles }] of ofType(stage, 'AWS::IAM::Policy'))
    directory.attach(PolicyName, PolicyDocument, Roles);
  return { iam: new Authorizer({ estate, services: {} as Services, directory }, new Sessions(estate)), directory };
}

/** Policy of a resource; for keys it decides, for buckets an Allow on either side is enough. */
export const resourcePolicy = (name: string, document: unknown, decides: boolean): ResourcePolicy => ({
  policy: readPolicy(name, document, 'resource'),
  decides,
});

export const dataBucketOf = (stage: Stage): { readonly arn: string; readonly policy: Properties } => {
  const { Bucket, PolicyDocument } = named(stage, 'AWS::S3::BucketPolicy', 'DataBucket');
  return { arn: `arn:aws:s3:::${String(Bucket).toLowerCase()}`, policy: PolicyDocument };
};
