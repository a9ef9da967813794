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
import { type AttributeDefinition, schemaOf } from './cognito/schema';
import { checked, PoolStore, pageOf60, type SentMessage, type User, type UserPool } from './cognito/store';
import { userOperations } from './cognito/users';
import { type Estate, type JsonService, ServiceError } from './service';

export interface CognitoOptions {
  /** Not adjustable on AWS. @default 10000 */
  readonly groupsPerPool?: number;
}

export interface UserPoolDefinition {
  readonly name: string;
  /** `['email']`: users sign in by e-mail, and Cognito generates their user names. @default [] */
  readonly usernameAttributes?: readonly string[];
  readonly schema?: readonly AttributeDefinition[];
  readonly clients?: readonly (Pick<UserPoolClientType, 'ReadAttributes' | 'WriteAttributes' | 'ExplicitAuthFlows'> & {
    readonly name: string;
  })[];
  readonly tags?: Readonly<Record<string, string>>;
}

export interface Cognito {
  readonly service: JsonService;
  createUserPool(definition: UserPoolDefinition): UserPoolHandle;
  /** State for assertions: groups, users with their groups, attributes and sign-outs. */
  userPool(id: string): UserPool;
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

/** Amazon Cognito user pools, as far as an administrator's back end uses them. */
export function createCognito(estate: Estate, { groupsPerPool = 10_000 }: CognitoOptions = {}): Cognito {
  const store = new PoolStore();

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
      },
    },
    createUserPool(definition) {
      const pool = newPool(estate, definition);
      store.pools.set(pool.id, pool);
      const clients = [...pool.clients].map(([id, { ClientName = '' }]) => [ClientName, id] as const);
      return { id: pool.id, arn: pool.arn, clients: Object.fromEntries(clients) };
    },
    userPool: (id) => store.pool(id),
    messages: (userPoolId) => store.pool(userPoolId).messages,
    setUserStatus(userPoolId, username, status) {
      const user: User = store.user(store.pool(userPoolId), username);
      user.status = status;
    },
  };
}

function newPool({ region, accountId, clock }: Estate, definition: UserPoolDefinition): UserPool {
  const id = `${region}_${identifier(9)}`;
  const createdAt = new Date(clock.now());
  const clients = (definition.clients ?? []).map(({ name, ...settings }): readonly [string, UserPoolClientType] => {
    const clientId = identifier(26).toLowerCase();
    const dates = { CreationDate: createdAt, LastModifiedDate: createdAt };
    return [clientId, { ...settings, UserPoolId: id, ClientId: clientId, ClientName: name, ...dates }];
  });
  return {
    id,
    name: definition.name,
    arn: `arn:aws:cognito-idp:${region}:${accountId}:userpool/${id}`,
    signInByEmail: definition.usernameAttributes?.includes('email') ?? false,
    schema: schemaOf(definition.schema ?? []),
    clients: new Map(clients),
    tags: definition.tags ?? {},
    createdAt,
    groups: new Map(),
    users: new Map(),
    messages: [],
  };
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
