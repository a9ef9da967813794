import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import { REPEATABLE } from '../shared/clients';
import { TransientError } from '../shared/errors';
import { PRINCIPAL_TAG, USER_TAG } from '../shared/names';

export const sts = new STSClient(REPEATABLE);

export interface SessionCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly expiration: Date;
}

interface Who {
  readonly tenantId: string;
  /** Subject of the user, or name of the function that acts by itself. */
  readonly userId: string;
}

/** Shortest that STS gives [API_AssumeRole]: what leaks is soon worth nothing. */
export const SESSION_SECONDS = 900;

/** Starts a session in the tenant's name; its tags cannot be changed by whoever gets the credentials. */
export async function startSession(RoleArn: string, { tenantId, userId }: Who): Promise<SessionCredentials> {
  const { Credentials } = await sts.send(
    new AssumeRoleCommand({
      RoleArn,
      RoleSessionName: sessionName({ tenantId, userId }),
      DurationSeconds: SESSION_SECONDS,
      Tags: [
        { Key: PRINCIPAL_TAG, Value: tenantId },
        { Key: USER_TAG, Value: userId },
      ],
    }),
  );
  const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = Credentials ?? {};
  if (
    AccessKeyId === undefined ||
    SecretAccessKey === undefined ||
    SessionToken === undefined ||
    Expiration === undefined
  )
    throw new TransientError(`tenant ${tenantId}: STS started a session without credentials`);
  return {
    accessKeyId: AccessKeyId,
    secretAccessKey: SecretAccessKey,
    sessionToken: SessionToken,
    expiration: Expiration,
  };
}

/** Seen in CloudTrail: 2 to 64 of [\w+=,.@-] [API_AssumeRole]. A tenant id and half a UUID fit. */
const sessionName = ({ tenantId, userId }: Who): string =>
  `${tenantId}@${userId.replace(/[^\w+=,.-]/g, '-')}`.slice(0, 64);
