import {
  AdminGetUserCommand,
  AdminListGroupsForUserCommand,
  CognitoIdentityProviderClient,
  DescribeUserPoolCommand,
  GetGroupCommand,
  ListUsersInGroupCommand,
} from '@aws-sdk/client-cognito-identity-provider';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { verifyUserGroup } from '../../../tasks/user-group/verify';
import { anAwsError } from '../../support/aws-errors';
import { aMembershipItem, anOwnersItem, aVerification, MEMBERSHIP_TABLE, messagesOf } from '../../support/builders';
import { serveTables, type Tables } from '../../support/tables';

const cognito = mockClient(CognitoIdentityProviderClient);
const dynamodb = mockClient(DynamoDBDocumentClient);
let tables: Tables;
const verification = () => aVerification({ 'first-admin': 'sub-1' });

describe('verifyUserGroup', () => {
  beforeEach(async () => {
    cognito.reset();
    dynamodb.reset();
    tables = await serveTables(dynamodb, MEMBERSHIP_TABLE);
    await tables.put(MEMBERSHIP_TABLE, aMembershipItem(), anOwnersItem());
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
    await tables.put(MEMBERSHIP_TABLE, aMembershipItem({ roles: ['member'] }));

    expect(messagesOf(await verifyUserGroup(verification()))).toEqual([
      'group acme was not made for this tenant',
      'group acme has a role, which a token could choose',
      'the tenant has no owner',
      'user sub-1 is counted as owner and is none',
      'first admin sub-1 is disabled',
      "first admin sub-1 is not marked as this tenant's",
      'first admin sub-1 is not in group acme',
      'first admin sub-1 is not an owner',
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
    cognito.on(AdminGetUserCommand).resolves({ Username: 'sub-1', Enabled: false });
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
      { kind: 'wrong-status', message: 'user on of tenant acme is enabled' },
    ]);
    expect(await verifyUserGroup(blocked)).toEqual([]);
  });

  it('finds an enabled member of a blocked tenant whose group somebody has deleted', async () => {
    cognito.on(GetGroupCommand).rejects(anAwsError('ResourceNotFoundException'));
    cognito.on(ListUsersInGroupCommand).rejects(anAwsError('ResourceNotFoundException'));
    cognito.on(DescribeUserPoolCommand).resolves({});
    cognito.on(AdminListGroupsForUserCommand).resolves({ Groups: [] });
    cognito.on(AdminGetUserCommand, { Username: 'out' }).resolves({ Username: 'out', Enabled: true });
    await tables.put(MEMBERSHIP_TABLE, aMembershipItem({ sub: 'out' }));

    const found = await verifyUserGroup({ ...verification(), activated: true, blocked: true });

    expect(messagesOf(found)).toEqual(['group acme does not exist', 'user out of tenant acme is enabled']);
  });

  it('finds no fault with an enabled user of a blocked tenant who is a member of another one and not in its group', async () => {
    cognito.on(ListUsersInGroupCommand).resolves({ Users: [{ Username: 'sub-1', Enabled: true }] });
    await tables.put(MEMBERSHIP_TABLE, aMembershipItem({ tenantId: 'acme2' }));

    expect(await verifyUserGroup({ ...verification(), activated: true, blocked: true })).toEqual([]);
  });

  it('asks Cognito nothing when no admin is known', async () => {
    expect(messagesOf(await verifyUserGroup(aVerification()))).toEqual(['the ledger holds no first admin']);
    expect(cognito.calls()).toHaveLength(0);
  });

  it.each([true, false])('reports a tenant without an owner, activated %s', async (activated) => {
    await tables.put(MEMBERSHIP_TABLE, { pk: 'TENANT#acme', sk: 'OWNERS' });

    expect(await verifyUserGroup({ ...verification(), activated })).toContainEqual({
      kind: 'missing',
      byHand: true,
      message: 'the tenant has no owner',
    });
  });

  it.each([
    ['an invitation', { status: 'INVITED' }],
    ['a smaller role', { roles: ['member'] }],
  ] as const)('does not take %s for an owner', async (_, changes) => {
    await tables.put(MEMBERSHIP_TABLE, aMembershipItem(changes));

    expect(messagesOf(await verifyUserGroup(verification()))).toEqual([
      'the tenant has no owner',
      'user sub-1 is counted as owner and is none',
      'first admin sub-1 is not an owner',
    ]);
  });
});
