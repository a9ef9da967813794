import { Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import {
  AccountRecovery,
  ClientAttributes,
  FeaturePlan,
  Mfa,
  OAuthScope,
  StandardThreatProtectionMode,
  StringAttribute,
  UserPool,
  type UserPoolClient,
} from 'aws-cdk-lib/aws-cognito';
import { Construct } from 'constructs';
import { appId, TENANT_ATTRIBUTE } from '../../tasks/shared/names';
import type { StageConfig } from '../config';

const TENANT_ATTRIBUTE_NAME = TENANT_ATTRIBUTE.replace('custom:', '');

/** Users of all tenants, in one group per tenant. Which tenant a user was made for is not the user's to change. */
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
      removalPolicy: config.retain ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
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
      // user edits their own attributes; for the same reason that scope is not granted.
      authFlows: { userPassword: false },
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
      refreshTokenValidity: Duration.hours(12),
      enableTokenRevocation: true,
      preventUserExistenceErrors: true,
    });
  }
}
