import { CognitoIdentityProviderClient, DescribeUserPoolCommand } from '@aws-sdk/client-cognito-identity-provider';
import { mockClient } from 'aws-sdk-client-mock';
import { ACCOUNT_CHECKS, type Account } from '../../cli/account-checks';

const cognito = mockClient(CognitoIdentityProviderClient);
beforeEach(() => cognito.reset());

describe('the account check of invitations', () => {
  const look = (stage: string) =>
    ACCOUNT_CHECKS.find(({ name }) => name === 'invitations')?.run({
      settings: { region: 'eu-west-1' },
      userPoolId: 'pool',
      targets: { app: { name: 'tenant-lifecycle', stage } },
    } as unknown as Account);

  it.each([
    ['prod', 'FAIL'],
    ['dev', 'PASS'],
  ])('says of Cognito’s own e-mail in %s: %s', async (stage, result) => {
    cognito
      .on(DescribeUserPoolCommand)
      .resolves({ UserPool: { EmailConfiguration: { EmailSendingAccount: 'COGNITO_DEFAULT' } } });

    expect(await look(stage)).toMatchObject({ result, detail: expect.stringContaining('sent by Cognito itself') });
  });

  it('passes a sender of Amazon SES', async () => {
    const EmailConfiguration = { EmailSendingAccount: 'DEVELOPER', From: 'no-reply@example.com' } as const;
    cognito.on(DescribeUserPoolCommand).resolves({ UserPool: { EmailConfiguration } });

    expect(await look('prod')).toEqual({ result: 'PASS', detail: 'sent by Amazon SES from no-reply@example.com' });
  });
});
