import { randomBytes } from 'node:crypto';
import type {
  DescribeUserPoolClientCommandInput,
  DescribeUserPoolClientResponse,
  DescribeUserPoolCommandInput,
  DescribeUserPoolResponse,
  ListUserPoolsCommandInput,
  ListUserPoolsResponse,
  UserPoolClientType,
  UserStatusType,
} from '@aws-sdk/client-cognito-identity-provider';
import { groupOperations } from './cognito/groups';
import { hostedPages } from './cognito/hosted-pages';
import { lazySigner } from './cognito/jwt';
import { type AttributeDefinition, schemaOf } from './cognito/schema';
import { signInOperations } from './cognito/sign-in';
import { checked, PoolStore, pageOf60, type SentMessage, type User, type UserPool } from './cognito/store';
import { type InvokeTrigger, Tokens } from './cognito/tokens';
import { userOperations } from './cognito/users';
import type { KnownToken } from './cognito-identity';
import { type Estate, type JsonService, type RawService, ServiceError } from './service';

export interface CognitoOptions {
  /** Not adjustable on AWS. @default 10000 */
  readonly groupsPerPool?: number;
  /** Runs the functions of triggers. @default there are none */
  readonly invokeTrigger?: InvokeTrigger;
}

/** Settings of an app client, as CloudFormation has them too. */
export type ClientSettings = Partial<
  Pick<
    UserPoolClientType,
    | 'AccessTokenValidity'
    | 'AllowedOAuthFlows'
    | 'AllowedOAuthScopes'
    | 'CallbackURLs'
    | 'EnableTokenRevocation'
    | 'ExplicitAuthFlows'
    | 'IdTokenValidity'
    | 'ReadAttributes'
    | 'RefreshTokenRotation'
    | 'RefreshTokenValidity'
    | 'TokenValidityUnits'
    | 'WriteAttributes'
  >
> & { readonly name: string };

export interface UserPoolDefinition {
  readonly name: string;
  /** `['email']`: users sign in by e-mail, and Cognito generates their user names. @default [] */
  readonly usernameAttributes?: readonly string[];
  readonly schema?: readonly AttributeDefinition[];
  readonly clients?: readonly ClientSettings[];
  readonly preTokenGeneration?: UserPool['preTokenGeneration'];
  /** @default false */
  readonly selfSignUp?: boolean;
  /** @default false */
  readonly mfaRequired?: boolean;
  readonly tags?: Readonly<Record<string, string>>;
}

export interface Cognito {
  readonly service: JsonService;
  /** Keys, sign-in page and token endpoint. */
  readonly hostedPages: RawService;
  createUserPool(definition: UserPoolDefinition): UserPoolHandle;
  /** Returns the id of the client. */
  createClient(userPoolId: string, settings: ClientSettings): string;
  /** State for assertions: groups, users with their groups, attributes and sign-outs. */
  userPool(id: string): UserPool;
  /** What the pool of that name says of an ID token, for identity pools: see CognitoIdentityOptions. */
  readToken(provider: string, token: string): KnownToken | undefined;
  /** Every e-mail that Cognito would have sent, oldest first. */
  messages(userPoolId: string): readonly SentMessage[];
  /** Stands for what a user does alone, for example choosing a password: CONFIRMED. */
  setUserStatus(userPoolId: string, username: string, status: UserStatusType): void;
}

export interface UserPoolHandle {
  readonly id: string;
  readonly arn: string;
  /** Client id by client name. */
  readonly clients: Readonly<Record<string, string>>;
}

/** Amazon Cognito user pools: what an administrator's back end uses, and how users sign in. */
export function createCognito(
  estate: Estate,
  { groupsPerPool = 10_000, invokeTrigger = noTrigger }: CognitoOptions = {},
): Cognito {
  const store = new PoolStore();
  const tokens = new Tokens(store, estate, invokeTrigger);

  return {
    service: {
      protocol: 'json',
      name: 'cognito-identity-provider',
      targetPrefix: 'AWSCognitoIdentityProviderService',
      version: '1.1',
      operations: {
        ...poolOperations(store),
        ...groupOperations(store, estate.clock, groupsPerPool),
        ...userOperations(store, estate.clock),
        ...signInOperations(store, tokens, estate.clock),
      },
    },
    hostedPages: hostedPages(store, tokens, estate.clock),
    createUserPool(definition) {
      const pool = newPool(estate, definition);
      store.pools.set(pool.id, pool);
      const clients = [...pool.clients].map(([id, { ClientName = '' }]) => [ClientName, id] as const);
      return { id: pool.id, arn: pool.arn, clients: Object.fromEntries(clients) };
    },
    createClient: (userPoolId, settings) => addClient(store.pool(userPoolId), settings, estate),
    userPool: (id) => store.pool(id),
    readToken: (provider, token) => tokens.read(provider, token),
    messages: (userPoolId) => store.pool(userPoolId).messages,
    setUserStatus(userPoolId, username, status) {
      const user: User = store.user(store.pool(userPoolId), username);
      user.status = status;
    },
  };
}

const noTrigger: InvokeTrigger = (functionName) => {
  throw new Error(`nothing runs the function ${functionName}`);
};

function newPool(estate: Estate, definition: UserPoolDefinition): UserPool {
  const { region, accountId, clock } = estate;
  const id = `${region}_${identifier(9)}`;
  const pool: UserPool = {
    id,
    name: definition.name,
    arn: `arn:aws:cognito-idp:${region}:${accountId}:userpool/${id}`,
    signInByEmail: definition.usernameAttributes?.includes('email') ?? false,
    schema: schemaOf(definition.schema ?? []),
    clients: new Map(),
    tags: definition.tags ?? {},
    createdAt: new Date(clock.now()),
    groups: new Map(),
    users: new Map(),
    messages: [],
    preTokenGeneration: definition.preTokenGeneration,
    selfSignUp: definition.selfSignUp ?? false,
    mfaRequired: definition.mfaRequired ?? false,
    signer: lazySigner(),
    refreshTokens: new Map(),
    codes: new Map(),
    challenges: new Map(),
  };
  for (const settings of definition.clients ?? []) addClient(pool, settings, estate);
  return pool;
}

function addClient(pool: UserPool, { name, ...settings }: ClientSettings, { clock }: Estate): string {
  const ClientId = identifier(26).toLowerCase();
  const at = new Date(clock.now());
  const dates = { CreationDate: at, LastModifiedDate: at };
  pool.clients.set(ClientId, { ...settings, UserPoolId: pool.id, ClientId, ClientName: name, ...dates });
  return ClientId;
}

function identifier(length: number): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
  return [...randomBytes(length)].map((byte) => alphabet.charAt(byte % alphabet.length)).join('');
}

function poolOperations(store: PoolStore) {
  return {
    DescribeUserPool(input: DescribeUserPoolCommandInput): DescribeUserPoolResponse {
      const pool = store.pool(input.UserPoolId);
      return {
        UserPool: {
          Id: pool.id,
          Name: pool.name,
          Arn: pool.arn,
          UsernameAttributes: pool.signInByEmail ? ['email'] : undefined,
          UsernameConfiguration: { CaseSensitive: false },
          SchemaAttributes: [...pool.schema.values()],
          EstimatedNumberOfUsers: pool.users.size,
          UserPoolTags: { ...pool.tags },
          CreationDate: pool.createdAt,
          LastModifiedDate: pool.createdAt,
        },
      };
    },

    ListUserPools(input: ListUserPoolsCommandInput): ListUserPoolsResponse {
      const { items, next } = pageOf60([...store.pools.values()], input.MaxResults, input.NextToken);
      const pools = items.map(({ id, name, createdAt }) => ({
        Id: id,
        Name: name,
        CreationDate: createdAt,
        LastModifiedDate: createdAt,
      }));
      return { UserPools: pools, NextToken: next };
    },

    DescribeUserPoolClient(input: DescribeUserPoolClientCommandInput): DescribeUserPoolClientResponse {
      const client = store.pool(input.UserPoolId).clients.get(checked(input.ClientId, 'clientId'));
      if (!client)
        throw new ServiceError('ResourceNotFoundException', `User pool client ${input.ClientId} does not exist.`);
      return { UserPoolClient: client };
    },
  };
}
