import { CfnIdentityPool, CfnIdentityPoolPrincipalTag, CfnIdentityPoolRoleAttachment } from 'aws-cdk-lib/aws-cognito';
import { Construct } from 'constructs';
import { appId, PRINCIPAL_TAG, USER_TAG } from '../../tasks/shared/names';
import type { StageConfig } from '../config';

export interface IdentityPoolProps {
  readonly config: StageConfig;
  readonly userPoolClientId: string;
  /** `cognito-idp.<region>.amazonaws.com/<user pool id>` */
  readonly userPoolProviderName: string;
}

/**
 * Gives a signed-in user's ID token AWS credentials of the tenant-access role, tagged with the tenant of the token's claim.
 * There is one role for everybody and no mapping by group or by rule: a client that could choose a role could choose a
 * tenant. The classic flow is off, because there the client calls STS itself.
 */
export class IdentityPool extends Construct {
  readonly id: string;
  readonly #pool: CfnIdentityPool;

  constructor(scope: Construct, id: string, { config, userPoolClientId, userPoolProviderName }: IdentityPoolProps) {
    super(scope, id);
    this.#pool = new CfnIdentityPool(this, 'Pool', {
      identityPoolName: appId(config.app),
      allowUnauthenticatedIdentities: false,
      allowClassicFlow: false,
      cognitoIdentityProviders: [
        { clientId: userPoolClientId, providerName: userPoolProviderName, serverSideTokenCheck: true },
      ],
    });
    this.id = this.#pool.ref;
    new CfnIdentityPoolPrincipalTag(this, 'Tags', {
      identityPoolId: this.id,
      identityProviderName: userPoolProviderName,
      useDefaults: false,
      principalTags: { [PRINCIPAL_TAG]: PRINCIPAL_TAG, [USER_TAG]: 'sub' },
    });
  }

  /** The role of every signed-in user's session. */
  give(roleArn: string): void {
    new CfnIdentityPoolRoleAttachment(this, 'Role', { identityPoolId: this.id, roles: { authenticated: roleArn } });
  }
}
