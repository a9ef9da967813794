import { Duration, Stack, Validations } from 'aws-cdk-lib';
import {
  AccountRecovery,
  CfnManagedLoginBranding,
  type CfnUserPoolDomain,
  ClientAttributes,
  FeaturePlan,
  LambdaVersion,
  ManagedLoginVersion,
  Mfa,
  OAuthScope,
  StandardThreatProtectionMode,
  StringAttribute,
  UserPool,
  type UserPoolClient,
  UserPoolEmail,
  UserPoolOperation,
} from 'aws-cdk-lib/aws-cognito';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { appId, TENANT_ATTRIBUTE } from '../../tasks/shared/names';
import { SESSION_SECONDS } from '../../tasks/tenant-claim/contract';
import type { StageConfig } from '../config';
import { removalPolicy } from './removal';

const TENANT_ATTRIBUTE_NAME = TENANT_ATTRIBUTE.replace('custom:', '');

/**
 * Users of all tenants, in one group per tenant. Which tenant a user was made for is not the user's to change, and which
 * tenant a token is for is not the client's: a trigger writes it from the membership.
 */
export class UserDirectory extends Construct {
  readonly userPool: UserPool;
  readonly client: UserPoolClient;

  constructor(scope: Construct, id: string, config: StageConfig) {
    super(scope, id);
    this.userPool = new UserPool(this, 'UserPool', {
      userPoolName: appId(config.app),
      // As user name attribute, not as alias: an alias can be taken over.
      signInAliases: { email: true },
      signInCaseSensitive: false,
      selfSignUpEnabled: false,
      autoVerify: { email: true },
      keepOriginal: { email: true },
      ...(config.emailFrom !== undefined && { email: throughSes(this, config.emailFrom) }),
      accountRecovery: AccountRecovery.EMAIL_ONLY,
      // Mutable so that administrators can correct it; what protects it is that no client may write it.
      customAttributes: { [TENANT_ATTRIBUTE_NAME]: new StringAttribute({ mutable: true, maxLen: 36 }) },
      mfa: config.mfa === 'REQUIRED' ? Mfa.REQUIRED : Mfa.OPTIONAL,
      mfaSecondFactor: { otp: true, sms: false },
      passwordPolicy: {
        minLength: 14,
        requireDigits: true,
        requireLowercase: true,
        requireSymbols: true,
        requireUppercase: true,
        tempPasswordValidity: Duration.days(3),
      },
      featurePlan: FeaturePlan.PLUS,
      standardThreatProtectionMode: StandardThreatProtectionMode.FULL_FUNCTION,
      deletionProtection: config.deletionProtection,
      removalPolicy: removalPolicy(config),
    });
    if (config.mfa !== 'REQUIRED') {
      Validations.of(this.userPool).acknowledge({
        id: 'AwsSolutions-COG2',
        reason:
          'Test users of this stage sign in from automated tests; no real tenant is onboarded here, and staging and prod demand MFA.',
      });
    }
    this.client = this.userPool.addClient('Client', {
      userPoolClientName: `${appId(config.app)}-application`,
      // Code flow with PKCE alone. Password flows would issue tokens with aws.cognito.signin.user.admin, with which a
      // user edits their own attributes; for the same reason that scope is not granted. An empty list would mean the
      // default, which has SRP in it: the custom flow stands for "none", as the pool has no trigger that would define it.
      authFlows: { custom: true },
      // A stolen refresh token is good once. Only GetTokensFromRefreshToken refreshes such tokens, and it alone hands
      // ClientMetadata to the trigger; a few seconds for a client whose answer got lost.
      refreshTokenRotationGracePeriod: Duration.seconds(10),
      oAuth: {
        flows: { authorizationCodeGrant: true, implicitCodeGrant: false },
        scopes: [OAuthScope.OPENID, OAuthScope.EMAIL, OAuthScope.PROFILE],
        callbackUrls: [...config.callbackUrls],
      },
      generateSecret: false,
      // Explicit and not empty: what an unset or empty list means is not certain. The tenant is not in it.
      writeAttributes: new ClientAttributes().withStandardAttributes({ fullname: true }),
      readAttributes: new ClientAttributes()
        .withStandardAttributes({ email: true, emailVerified: true, fullname: true })
        .withCustomAttributes(TENANT_ATTRIBUTE_NAME),
      accessTokenValidity: Duration.minutes(15),
      idTokenValidity: Duration.minutes(15),
      refreshTokenValidity: Duration.seconds(SESSION_SECONDS),
      enableTokenRevocation: true,
      preventUserExistenceErrors: true,
    });
    // The code flow has its pages there. The prefix is unique in the Region, hence the account.
    const domain = this.userPool.addDomain('Domain', {
      cognitoDomain: { domainPrefix: `${appId(config.app)}-${Stack.of(this).account}` },
      managedLoginVersion: ManagedLoginVersion.NEWER_MANAGED_LOGIN,
    });
    new CfnManagedLoginBranding(this, 'Branding', {
      userPoolId: this.userPool.userPoolId,
      clientId: this.client.userPoolClientId,
      useCognitoProvidedValues: true,
    }).addResourceDependency(domain.node.defaultChild as CfnUserPoolDomain);
  }

  /** Has the function write, or refuse, the claims of every token; event version 2 can also change the access token. */
  issueTokensBy(trigger: IFunction): void {
    this.userPool.addTrigger(UserPoolOperation.PRE_TOKEN_GENERATION_CONFIG, trigger, LambdaVersion.V2_0);
  }
}

/** By the domain's identity, not the address's: the one that the domain's DKIM and DMARC vouch for. */
const throughSes = (scope: Construct, fromEmail: string): UserPoolEmail =>
  UserPoolEmail.withSES({
    fromEmail,
    sesVerifiedDomain: fromEmail.slice(fromEmail.lastIndexOf('@') + 1),
    sesRegion: Stack.of(scope).region,
  });
