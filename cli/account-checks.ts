import type { AuthFlowType } from '@aws-sdk/client-cognito-identity-provider';
import type { Attempt, Targets } from '../tasks/tenant-access/isolation-checks';

/** What a signed-in member of the tenant holds, as an application gets it from the token endpoint. */
export interface MemberTokens {
  readonly idToken: string;
  readonly accessToken: string;
  readonly refreshToken: string;
}

/** The account to check, and whose eyes to look with. */
export interface Account {
  /** Of SDK clients. */
  readonly settings: object;
  readonly targets: Targets;
  readonly userPoolId: string;
  readonly userPoolClientId: string;
  readonly identityPoolId: string;
  /** A member of the tenant. Without one, what only a member can try is not run. */
  readonly tokens: MemberTokens | undefined;
  /** Whether documents may be ingested, which costs an embedding of each. */
  readonly ingest: boolean;
}

/** PASS: seen to be so here. FAIL: seen not to be so. NOT RUN: nobody has looked; `detail` says what it takes. */
export interface Verdict {
  readonly result: 'PASS' | 'FAIL' | 'NOT RUN';
  readonly detail: string;
}

export interface AccountCheck {
  readonly name: string;
  /** What the isolation of tenants, or their onboarding, takes for granted. */
  readonly assumption: string;
  run(account: Account): Promise<Verdict>;
}

const pass = (detail: string): Verdict => ({ result: 'PASS', detail });
const fail = (detail: string): Verdict => ({ result: 'FAIL', detail });
const notRun = (detail: string): Verdict => ({ result: 'NOT RUN', detail });

/** Names of errors that mean a call was refused, by any of the services. */
const REFUSALS: readonly string[] = [
  'AccessDenied',
  'AccessDeniedException',
  'NotAuthorizedException',
  'UserLambdaValidationException',
];

/** PASS when the call is refused. An answer of any other kind is none: it says nothing of permissions. */
async function mustBeRefused(run: () => Promise<unknown>): Promise<Verdict> {
  try {
    await run();
    return fail('it was let through');
  } catch (error) {
    const { name, message } = error as Error;
    if (REFUSALS.includes(name)) return pass(`refused: ${name}`);
    if (name === 'UnknownOperationException') return notRun('the sandbox does not serve this operation');
    return fail(`neither let through nor refused: ${name}: ${message}`);
  }
}

/** For checks that need somebody who has signed in. */
const asMember = (
  check: Omit<AccountCheck, 'run'> & { run(account: Account, tokens: MemberTokens): Promise<Verdict> },
): AccountCheck => ({
  ...check,
  run: (account) =>
    account.tokens === undefined
      ? Promise.resolve(notRun('needs --tokens: a file with idToken, accessToken and refreshToken of a member'))
      : check.run(account, account.tokens),
});

const claimsOf = (token: string): Readonly<Record<string, unknown>> =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')) as Record<string, unknown>;

const cognito = async ({ settings }: Account) => {
  const sdk = await import('@aws-sdk/client-cognito-identity-provider');
  return { sdk, client: new sdk.CognitoIdentityProviderClient({ ...settings, maxAttempts: 1 }) };
};

/** Credentials of the identity pool for the member's ID token. */
async function sessionOf(
  { settings, identityPoolId: IdentityPoolId }: Account,
  { idToken }: Pick<MemberTokens, 'idToken'>,
) {
  const sdk = await import('@aws-sdk/client-cognito-identity');
  const client = new sdk.CognitoIdentityClient(settings);
  const Logins = { [String(claimsOf(idToken)['iss']).replace('https://', '')]: idToken };
  const { IdentityId } = await client.send(new sdk.GetIdCommand({ IdentityPoolId, Logins }));
  const { Credentials } = await client.send(new sdk.GetCredentialsForIdentityCommand({ IdentityId, Logins }));
  return {
    accessKeyId: Credentials?.AccessKeyId ?? '',
    secretAccessKey: Credentials?.SecretKey ?? '',
    sessionToken: Credentials?.SessionToken ?? '',
    expiration: Credentials?.Expiration ?? new Date(0),
  };
}

// Not import(): that would want the extension of the compiled file. Loaded late because its clients take their time.
const isolation = () =>
  require('../tasks/tenant-access/isolation-checks') as typeof import('../tasks/tenant-access/isolation-checks');

const clientsOf = async (account: Account, tokens: MemberTokens) => {
  const { TenantClients } =
    require('../tasks/tenant-access/tenant-clients') as typeof import('../tasks/tenant-access/tenant-clients');
  return new TenantClients(await sessionOf(account, tokens), account.settings);
};

/** Makes each attempt with the member's session; names those that were not answered as expected. */
async function tried(attempts: readonly Attempt[], expected: 'allowed' | 'denied'): Promise<Verdict> {
  const { answerOf } = isolation();
  const wrong: string[] = [];
  for (const { call, run } of attempts) if ((await answerOf(run)) !== expected) wrong.push(call);
  return wrong.length === 0
    ? pass(`${attempts.length} calls ${expected}`)
    : fail(`not ${expected}: ${wrong.join('; ')}`);
}

/** All checks, cheap ones first. Each assumption is one that documentation and template alone do not settle. */
export const ACCOUNT_CHECKS: readonly AccountCheck[] = [
  {
    name: 'app-client',
    assumption: 'The app client lists the attributes that it may write, and the tenant is none of them.',
    async run(account) {
      const { sdk, client } = await cognito(account);
      const { UserPoolClient } = await client.send(
        new sdk.DescribeUserPoolClientCommand({ UserPoolId: account.userPoolId, ClientId: account.userPoolClientId }),
      );
      const { WriteAttributes, ExplicitAuthFlows = [] } = UserPoolClient ?? {};
      const flows = ExplicitAuthFlows.filter((flow: AuthFlowType | string) => /PASSWORD/.test(flow));
      if (WriteAttributes === undefined) return fail('WriteAttributes is not set, which means all of them');
      const tenant = WriteAttributes.filter((name) => /tenant/i.test(name));
      if (tenant.length > 0) return fail(`it may write ${tenant.join(', ')}`);
      if (flows.length > 0) return fail(`it takes passwords itself: ${flows.join(', ')}`);
      return pass(`it may write: ${WriteAttributes.join(', ') || 'nothing'}`);
    },
  },
  {
    name: 'invitations',
    assumption: 'In prod, invitations are sent through Amazon SES: of Cognito’s own e-mail there are about 50 a day.',
    async run(account) {
      const { sdk, client } = await cognito(account);
      const { UserPool } = await client.send(new sdk.DescribeUserPoolCommand({ UserPoolId: account.userPoolId }));
      const { EmailSendingAccount = 'COGNITO_DEFAULT', From } = UserPool?.EmailConfiguration ?? {};
      if (EmailSendingAccount === 'DEVELOPER') return pass(`sent by Amazon SES from ${From}`);
      return account.targets.app.stage === 'prod'
        ? fail('sent by Cognito itself: deploy with -c emailFrom=…')
        : pass('sent by Cognito itself, which is enough for tests');
    },
  },
  {
    name: 'tenant-role-trust',
    assumption:
      'Nobody but the functions that are named starts a session of the tenant-access role, administrators neither.',
    async run({ settings, targets: { roleArn, tenantId } }) {
      const { AssumeRoleCommand, STSClient } = await import('@aws-sdk/client-sts');
      const Tags = [{ Key: 'tenant_id', Value: tenantId }];
      return await mustBeRefused(() =>
        new STSClient(settings).send(
          new AssumeRoleCommand({ RoleArn: roleArn, RoleSessionName: 'check-account', Tags }),
        ),
      );
    },
  },
  asMember({
    name: 'tenant-claim',
    assumption: 'The trigger puts tenant_id into both tokens, and its suppression of custom:tenant_id counts.',
    run({ targets: { tenantId } }, { idToken, accessToken }) {
      const problems = Object.entries({ idToken, accessToken }).flatMap(([which, token]) => {
        const claims = claimsOf(token);
        return [
          ...(claims['tenant_id'] === tenantId ? [] : [`${which} says tenant_id ${claims['tenant_id']}`]),
          ...('custom:tenant_id' in claims ? [`${which} holds custom:tenant_id`] : []),
        ];
      });
      return Promise.resolve(problems.length === 0 ? pass(`both say ${tenantId}`) : fail(problems.join('; ')));
    },
  }),
  asMember({
    name: 'self-service',
    assumption: 'A member cannot write the tenant attribute with their own access token.',
    async run(account, { accessToken: AccessToken }) {
      const { sdk, client } = await cognito(account);
      const UserAttributes = [{ Name: 'custom:tenant_id', Value: 'check-account' }];
      return await mustBeRefused(() =>
        client.send(new sdk.UpdateUserAttributesCommand({ AccessToken, UserAttributes })),
      );
    },
  }),
  asMember({
    name: 'refresh-for-another-tenant',
    assumption: 'ClientMetadata of a refresh reaches the trigger, and a tenant of which one is no member is refused.',
    async run(account, { refreshToken: RefreshToken }) {
      const { sdk, client } = await cognito(account);
      return await mustBeRefused(() =>
        client.send(
          new sdk.GetTokensFromRefreshTokenCommand({
            ClientId: account.userPoolClientId,
            RefreshToken,
            ClientMetadata: { tenant_id: 'check-account' },
          }),
        ),
      );
    },
  }),
  asMember({
    name: 'identity-pool',
    assumption:
      "The identity pool starts a session although the role's trust demands a tenant tag: the claim became the tag.",
    async run(account, tokens) {
      const { GetCallerIdentityCommand, STSClient } = await import('@aws-sdk/client-sts');
      const credentials = await sessionOf(account, tokens);
      const { Arn = '' } = await new STSClient({ ...account.settings, credentials }).send(
        new GetCallerIdentityCommand({}),
      );
      const role = account.targets.roleArn.slice(account.targets.roleArn.lastIndexOf('/') + 1);
      return Arn.includes(`:assumed-role/${role}/`) ? pass(Arn) : fail(`the session is ${Arn}`);
    },
  }),
  asMember({
    name: 'own-data',
    assumption:
      'The session reaches what is the tenant’s, also the key on behalf of S3: its tag is passed on (forward access sessions).',
    async run(account, tokens) {
      const { onTheTenant } = isolation();
      const clients = await clientsOf(account, tokens);
      const { GenerateDataKeyCommand } = await import('@aws-sdk/client-kms');
      const sealed = async () => {
        const KeyId = account.targets.keyArn;
        const { CiphertextBlob } = await clients.kms.send(new GenerateDataKeyCommand({ KeyId, KeySpec: 'AES_256' }));
        return CiphertextBlob ?? new Uint8Array();
      };
      return await tried(onTheTenant(clients, account.targets, sealed), 'allowed');
    },
  }),
  asMember({
    name: 'beside-own-data',
    assumption:
      'The session reaches nothing beside it: other tenants, the platform’s own items, lists, scans, other roles.',
    async run(account, tokens) {
      return await tried(isolation().besideTheTenant(await clientsOf(account, tokens), account.targets), 'denied');
    },
  }),
  asMember({
    name: 'retrieve-and-generate',
    assumption: 'RetrieveAndGenerate, which knows no resources, is closed to the session.',
    async run(account, tokens) {
      const { retrieval } = await clientsOf(account, tokens);
      const { RetrieveAndGenerateCommand } = await import('@aws-sdk/client-bedrock-agent-runtime');
      return await mustBeRefused(() =>
        retrieval.send(new RetrieveAndGenerateCommand({ input: { text: 'check-account' } })),
      );
    },
  }),
  {
    name: 'ingestion',
    assumption:
      'Bedrock ingests encrypted documents although the domain refuses index names in request bodies and the key denies other roles.',
    async run({ settings, ingest, targets: { knowledgeBaseId } }) {
      if (knowledgeBaseId === undefined) return notRun('the tenant has no knowledge base: take one of tier premium');
      if (!ingest) return notRun('needs --ingest: every document below the prefix is embedded, which costs');
      const sdk = await import('@aws-sdk/client-bedrock-agent');
      const client = new sdk.BedrockAgentClient(settings);
      const { dataSourceSummaries = [] } = await client.send(new sdk.ListDataSourcesCommand({ knowledgeBaseId }));
      const dataSourceId = dataSourceSummaries[0]?.dataSourceId;
      const started = await client.send(new sdk.StartIngestionJobCommand({ knowledgeBaseId, dataSourceId }));
      const ingestionJobId = started.ingestionJob?.ingestionJobId;
      for (let look = 0; look < LOOKS; look += 1) {
        const { ingestionJob } = await client.send(
          new sdk.GetIngestionJobCommand({ knowledgeBaseId, dataSourceId, ingestionJobId }),
        );
        const { status, statistics, failureReasons = [] } = ingestionJob ?? {};
        const failed = statistics?.numberOfDocumentsFailed ?? 0;
        if (status === 'COMPLETE' && failed === 0)
          return pass(`job ${ingestionJobId}: ${statistics?.numberOfDocumentsScanned ?? 0} documents, none failed`);
        if (status === 'COMPLETE' || status === 'FAILED' || status === 'STOPPED')
          return fail(`job ${ingestionJobId} is ${status}, ${failed} documents failed: ${failureReasons.join('; ')}`);
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      }
      return notRun(`job ${ingestionJobId} was not over after ten minutes`);
    },
  },
];

const PAUSE_MS = 5000;
const LOOKS = 120;
