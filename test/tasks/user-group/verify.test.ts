import {
  AdminGetUserCommand,
  AdminListGroupsForUserCommand,
  CognitoIdentityProviderClient,
  GetGroupCommand,
  ListUsersInGroupCommand,
} from '@aws-sdk/client-cognito-identity-provider';
import { mockClient } from 'aws-sdk-client-mock';
import { verifyUserGroup } from '../../../tasks/user-group/verify';
import { anAwsError } from '../../support/aws-errors';
import { aVerification, messagesOf } from '../../support/builders';

const cognito = mockClient(CognitoIdentityProviderClient);
const verification = () => aVerification({ 'first-admin': 'sub-1' });

describe('verifyUserGroup', () => {
  beforeEach(() => {
    cognito.reset();
    cognito.on(GetGroupCommand).resolves({ Group: { GroupName: 'acme', Description: 'Members of tenant acme' } });
    cognito.on(AdminGetUserCommand).resolves({
      Username: 'sub-1',
      Enabled: true,
      UserAttributes: [{ Name: 'custom:tenant_id', Value: 'acme' }],
    });
    cognito.on(AdminListGroupsForUserCommand).resolves({ Groups: [{ GroupName: 'acme' }] });
  });

  it('finds nothing wrong with a group and its admin as they must be', async () => {
    expect(messagesOf(await verifyUserGroup(verification()))).toEqual([]);
  });

  it('lists everything that is wrong', async () => {
    cognito
      .on(GetGroupCommand)
      .resolves({ Group: { Description: 'Doctors', RoleArn: 'arn:aws:iam::123456789012:role/admin' } });
    cognito.on(AdminGetUserCommand).resolves({ Username: 'sub-1', Enabled: false, UserAttributes: [] });
    cognito.on(AdminListGroupsForUserCommand).resolves({ Groups: [{ GroupName: 'acme2' }] });

    expect(messagesOf(await verifyUserGroup(verification()))).toEqual([
      'group acme was not made for this tenant',
      'group acme has a role, which a token could choose',
      'first admin sub-1 is disabled',
      "first admin sub-1 is not marked as this tenant's",
      'first admin sub-1 is not in group acme',
    ]);
  });

  it('reports a missing group', async () => {
    cognito.on(GetGroupCommand).rejects(anAwsError('ResourceNotFoundException'));

    expect(messagesOf(await verifyUserGroup(verification()))).toEqual(['group acme does not exist']);
  });

  it('reports a missing admin', async () => {
    cognito.on(AdminGetUserCommand).rejects(anAwsError('UserNotFoundException'));

    expect(messagesOf(await verifyUserGroup(verification()))).toEqual(['first admin sub-1 does not exist']);
  });

  it('leaves it to a tenant that was ACTIVE who its members are', async () => {
    cognito.on(AdminGetUserCommand).rejects(anAwsError('UserNotFoundException'));

    expect(await verifyUserGroup({ ...verification(), activated: true })).toEqual([]);
    expect(await verifyUserGroup({ ...aVerification(), activated: true })).toEqual([]);
  });

  it('finds an enabled user of a blocked tenant, on any page, unless they belong to another tenant too', async () => {
    const blocked = { ...verification(), activated: true, blocked: true };
    cognito
      .on(ListUsersInGroupCommand)
      .resolvesOnce({
        Users: [
          { Username: 'off', Enabled: false },
          { Username: 'both', Enabled: true },
        ],
        NextToken: '2',
      })
      .resolvesOnce({ Users: [{ Username: 'on', Enabled: true }] })
      .resolves({ Users: [{ Username: 'off', Enabled: false }] });
    cognito
      .on(AdminListGroupsForUserCommand, { Username: 'both' })
      .resolves({ Groups: [{ GroupName: 'acme' }, { GroupName: 'acme2' }] });

    expect(await verifyUserGroup(blocked)).toEqual([
      { kind: 'wrong-status', message: 'user on of group acme is enabled' },
    ]);
    expect(await verifyUserGroup(blocked)).toEqual([]);
  });

  it('asks Cognito nothing when no admin is known', async () => {
    expect(messagesOf(await verifyUserGroup(aVerification()))).toEqual(['the ledger holds no first admin']);
    expect(cognito.calls()).toHaveLength(0);
  });
});
