import {
  CognitoIdentityClient,
  GetCredentialsForIdentityCommand,
  GetIdCommand,
} from '@aws-sdk/client-cognito-identity';
import { GenerateDataKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import { ENCRYPTION_KEY } from '../../tasks/encryption-key/contract';
import { KNOWLEDGE_BASE } from '../../tasks/knowledge-base/contract';
import { type Attempt, answerOf, onTheTenant } from '../../tasks/tenant-access/isolation-checks';
import { TenantClients } from '../../tasks/tenant-access/tenant-clients';
import type { Sandbox } from '../sandbox';
import { claimsOf, signIn } from '../sign-in';
import { appOf } from '../snapshot';
import { stage } from './stage';

/** A user of acme2 signs in, gets AWS credentials for what they are, and tries what a user of acme may do. */
export async function trespass(sandbox: Sandbox, prove: (fact: string, holds: boolean) => void): Promise<void> {
  const { idToken } = await signIn(sandbox, 'bob@acme2.example');
  const claims = claimsOf(idToken);
  stage.say(`bob@acme2.example signs in; the token says: tenant_id ${claims['tenant_id']}`);
  const clients = new TenantClients(await credentialsFor(sandbox, idToken), {
    ...sandbox.clientConfig,
    forcePathStyle: true,
  });
  const operator = new KMSClient(sandbox.clientConfig);

  const attempts = async (tenantId: string) => {
    const { keyArn, ...targets } = await targetsOf(sandbox, tenantId);
    const { CiphertextBlob = new Uint8Array() } = await operator.send(
      new GenerateDataKeyCommand({ KeyId: keyArn, KeySpec: 'AES_256' }),
    );
    return onTheTenant(clients, { ...targets, keyArn }, async () => CiphertextBlob);
  };
  const own = await Promise.all((await attempts('acme2')).map((attempt) => denialOf(sandbox, attempt)));
  const letThrough = own.filter((denial) => denial === undefined).length;
  prove(
    `in acme2 the session does its work: ${letThrough} of ${own.length} calls are let through`,
    letThrough === own.length,
  );

  // One after the other: the last denial in the call log is the attempt's.
  const found: { readonly call: string; readonly denial: string | undefined }[] = [];
  for (const attempt of await attempts('acme'))
    found.push({ call: attempt.call, denial: await denialOf(sandbox, attempt) });
  stage.table(
    ['the same session on acme', 'denied by'],
    found.map(({ call, denial = 'NOBODY' }) => [call.replace(/arn:aws:kms:[^ ]*key\//, 'key '), denial]),
  );
  const denied = found.filter(({ denial }) => denial !== undefined).length;
  prove(
    `acme's items, objects, key, log and knowledge base: ${denied} of ${found.length} calls are denied`,
    denied === found.length,
  );
}

/** What the browser does with the ID token: the identity pool's credentials, tagged with the tenant of the claim. */
async function credentialsFor(sandbox: Sandbox, idToken: string) {
  const identities = new CognitoIdentityClient(sandbox.clientConfig);
  const provider = String(claimsOf(idToken)['iss']).replace('https://', '');
  const Logins = { [provider]: idToken };
  const { IdentityId } = await identities.send(
    new GetIdCommand({ IdentityPoolId: sandbox.output('IdentityPoolId'), Logins }),
  );
  const { Credentials } = await identities.send(new GetCredentialsForIdentityCommand({ IdentityId, Logins }));
  return {
    accessKeyId: Credentials?.AccessKeyId ?? '',
    secretAccessKey: Credentials?.SecretKey ?? '',
    sessionToken: Credentials?.SessionToken ?? '',
    expiration: Credentials?.Expiration ?? new Date(0),
  };
}

async function targetsOf(sandbox: Sandbox, tenantId: string) {
  const items = await sandbox.services.dynamodb.dump(sandbox.output('RegistryTableName'));
  const physicalIdOf = (type: string) =>
    items.find((item) => item['pk'] === `TENANT#${tenantId}` && item['sk'] === `RESOURCE#${type}`)?.['physicalId'];
  return {
    tenantId,
    app: appOf(sandbox),
    dataTable: sandbox.output('DataTableName'),
    dataBucket: sandbox.output('DataBucketName'),
    keyArn: String(physicalIdOf(ENCRYPTION_KEY)),
    knowledgeBaseId: physicalIdOf(KNOWLEDGE_BASE) as string | undefined,
  };
}

/** Which policy denied the call; undefined when it was let through, whatever came of it. */
async function denialOf(sandbox: Sandbox, { run }: Attempt): Promise<string | undefined> {
  if ((await answerOf(run)) === 'allowed') return undefined;
  const { reason, statement = '', action } = sandbox.calls.entries().findLast(({ denied }) => denied)?.denied ?? {};
  if (reason !== 'explicit deny') return `${reason}: nothing allows ${action}`;
  const [, policy, sid] = /^(policy|key policy) of [^,]+, statement (\w+)$/.exec(statement) ?? [];
  return sid === undefined ? statement : `${policy === 'policy' ? 'bucket policy' : policy}: ${sid}`;
}
