import { createHash, randomUUID } from 'node:crypto';
import type {
  AttributeType,
  ChallengeNameType,
  GetTokensFromRefreshTokenCommandInput,
  GetTokensFromRefreshTokenResponse,
  GetUserCommandInput,
  GetUserResponse,
  GlobalSignOutCommandInput,
  InitiateAuthCommandInput,
  InitiateAuthResponse,
  RespondToAuthChallengeCommandInput,
  RevokeTokenCommandInput,
  SignUpCommandInput,
  UpdateUserAttributesCommandInput,
  UserPoolClientType,
} from '@aws-sdk/client-cognito-identity-provider';
import type { Clock } from '../../clock';
import { ServiceError } from '../service';
import { checkAttributes } from './schema';
import { attributesAnswer, checked, findUser, type PoolStore, type User, type UserPool } from './store';
import { SELF_SERVICE_SCOPE, type Tokens } from './tokens';
import { checkPassword } from './users';

/** What users and their clients call themselves: sign-in, refresh, sign-out, their own attributes. None of it is signed. */
export function signInOperations(store: PoolStore, tokens: Tokens, clock: Clock) {
  const self = { source: 'Authentication', scopes: [SELF_SERVICE_SCOPE] } as const;

  return {
    async InitiateAuth(input: InitiateAuthCommandInput): Promise<InitiateAuthResponse> {
      const { pool, client } = store.poolOfClient(input.ClientId);
      const parameters = input.AuthParameters ?? {};
      switch (input.AuthFlow) {
        case 'REFRESH_TOKEN_AUTH':
        case 'REFRESH_TOKEN':
          if (client.RefreshTokenRotation?.Feature === 'ENABLED')
            throw new ServiceError('InvalidParameterException', 'Refresh token rotation is enabled for this client.');
          assertAllowed(client, 'ALLOW_REFRESH_TOKEN_AUTH');
          // This operation hands no ClientMetadata to the trigger [API_InitiateAuth].
          return {
            AuthenticationResult: await tokens.refresh(pool, client, parameters['REFRESH_TOKEN'], undefined),
            ChallengeParameters: {},
          };
        case 'USER_PASSWORD_AUTH': {
          assertAllowed(client, 'ALLOW_USER_PASSWORD_AUTH');
          const user = authenticated(pool, parameters['USERNAME'], parameters['PASSWORD']);
          if (user.status === 'FORCE_CHANGE_PASSWORD') return challenge(pool, client, user);
          return { AuthenticationResult: await tokens.signIn(pool, client, user, self), ChallengeParameters: {} };
        }
        case 'CUSTOM_AUTH':
          assertAllowed(client, 'ALLOW_CUSTOM_AUTH');
          throw new ServiceError('InvalidParameterException', 'Custom auth lambda trigger is not configured.');
        case 'USER_SRP_AUTH':
          assertAllowed(client, 'ALLOW_USER_SRP_AUTH');
          throw new ServiceError(
            'UnknownOperationException',
            'The sandbox does not do SRP: sign in on the hosted pages.',
          );
        default:
          throw new ServiceError('InvalidParameterException', `The sandbox does not serve AuthFlow ${input.AuthFlow}.`);
      }
    },

    async RespondToAuthChallenge(input: RespondToAuthChallengeCommandInput): Promise<InitiateAuthResponse> {
      const { pool, client } = store.poolOfClient(input.ClientId);
      if (input.ChallengeName !== 'NEW_PASSWORD_REQUIRED')
        throw new ServiceError('InvalidParameterException', `The sandbox does not serve ${input.ChallengeName}.`);
      const open = pool.challenges.get(input.Session ?? '');
      if (open === undefined || open.clientId !== client.ClientId)
        throw new ServiceError('NotAuthorizedException', 'Invalid session for the user.');
      const user = store.user(pool, open.username);
      chooseNewPassword(user, input.ChallengeResponses?.['NEW_PASSWORD'], clock);
      pool.challenges.delete(input.Session ?? '');
      return {
        AuthenticationResult: await tokens.signIn(pool, client, user, { ...self, source: 'NewPasswordChallenge' }),
        ChallengeParameters: {},
      };
    },

    async GetTokensFromRefreshToken(
      input: GetTokensFromRefreshTokenCommandInput,
    ): Promise<GetTokensFromRefreshTokenResponse> {
      const { pool, client } = store.poolOfClient(input.ClientId);
      return { AuthenticationResult: await tokens.refresh(pool, client, input.RefreshToken, input.ClientMetadata) };
    },

    RevokeToken(input: RevokeTokenCommandInput): Record<string, never> {
      const { pool, client } = store.poolOfClient(input.ClientId);
      if (client.EnableTokenRevocation === false)
        throw new ServiceError('UnsupportedOperationException', 'Token revocation is not enabled for this client.');
      tokens.revoke(pool, client, input.Token);
      return {};
    },

    GlobalSignOut(input: GlobalSignOutCommandInput): Record<string, never> {
      tokens.authorized(input.AccessToken, SELF_SERVICE_SCOPE).user.signedOutAt = new Date(clock.now());
      return {};
    },

    GetUser(input: GetUserCommandInput): GetUserResponse {
      const { user } = tokens.authorized(input.AccessToken, SELF_SERVICE_SCOPE);
      return { Username: user.username, UserAttributes: attributesAnswer(user) };
    },

    UpdateUserAttributes(input: UpdateUserAttributesCommandInput): Record<string, never> {
      const { pool, user, claims } = tokens.authorized(input.AccessToken, SELF_SERVICE_SCOPE);
      const client = pool.clients.get(String(claims['client_id']));
      const attributes = input.UserAttributes ?? [];
      assertWritable(attributes, client);
      checkAttributes(pool, attributes, false);
      for (const { Name = '', Value = '' } of attributes) user.attributes.set(Name, Value);
      user.updatedAt = new Date(clock.now());
      return {};
    },

    SignUp(input: SignUpCommandInput): never {
      const { pool, client } = store.poolOfClient(input.ClientId);
      if (!pool.selfSignUp)
        throw new ServiceError('NotAuthorizedException', 'SignUp is not permitted for this user pool');
      assertWritable(input.UserAttributes ?? [], client);
      throw new ServiceError(
        'UnknownOperationException',
        'The sandbox does not sign users up: no pool of this app allows it.',
      );
    },
  };

  function challenge(pool: UserPool, client: UserPoolClientType, user: User): InitiateAuthResponse {
    const Session = randomUUID();
    pool.challenges.set(Session, { username: user.username, clientId: client.ClientId ?? '' });
    const ChallengeName: ChallengeNameType = 'NEW_PASSWORD_REQUIRED';
    return { ChallengeName, Session, ChallengeParameters: { USER_ID_FOR_SRP: user.username } };
  }
}

/** The user whose password it is. Nobody is told whether the user or the password is wrong. */
export function authenticated(pool: UserPool, username: string | undefined, password: string | undefined): User {
  const user = findUser(pool, checked(username, 'username'));
  if (user === undefined || user.password === undefined || !same(user.password, password ?? ''))
    throw new ServiceError('NotAuthorizedException', 'Incorrect username or password.');
  if (!user.enabled) throw new ServiceError('NotAuthorizedException', 'User is disabled.');
  if (pool.mfaRequired)
    throw new ServiceError(
      'UnknownOperationException',
      'The sandbox knows no MFA: run a stage that does not require it.',
    );
  return user;
}

export function chooseNewPassword(user: User, password: string | undefined, clock: Clock): void {
  checkPassword(checked(password, 'password'));
  user.password = password ?? '';
  user.status = 'CONFIRMED';
  user.updatedAt = new Date(clock.now());
}

const same = (a: string, b: string): boolean => digest(a) === digest(b);
const digest = (text: string): string => createHash('sha256').update(text).digest('hex');

/** An empty list of flows means the default ones [API_UserPoolClientType]. */
function assertAllowed({ ExplicitAuthFlows = [] }: UserPoolClientType, flow: string): void {
  const flows: readonly string[] =
    ExplicitAuthFlows.length > 0
      ? ExplicitAuthFlows
      : ['ALLOW_REFRESH_TOKEN_AUTH', 'ALLOW_USER_SRP_AUTH', 'ALLOW_CUSTOM_AUTH'];
  if (flows.includes(flow)) return;
  const name = flow.replace('ALLOW_', '');
  throw new ServiceError('InvalidParameterException', `${name} flow not enabled for this client`);
}

/** A client without a list may write the standard attributes [API_UserPoolClientType]. */
function assertWritable(attributes: readonly AttributeType[], client: UserPoolClientType | undefined): void {
  const allowed = client?.WriteAttributes;
  const refused = attributes.filter(({ Name = '' }) =>
    allowed === undefined ? Name.startsWith('custom:') : !allowed.includes(Name),
  );
  if (refused.length > 0)
    throw new ServiceError('NotAuthorizedException', 'A client attempted to write unauthorized attribute');
}
