import {
  AdminAddUserToGroupCommand,
  AdminCreateUserCommand,
  AdminDeleteUserCommand,
  AdminDisableUserCommand,
  AdminEnableUserCommand,
  AdminGetUserCommand,
  AdminListGroupsForUserCommand,
  AdminRemoveUserFromGroupCommand,
  AdminUpdateUserAttributesCommand,
  AdminUserGlobalSignOutCommand,
  CognitoIdentityProviderClient,
  CreateGroupCommand,
  DeleteGroupCommand,
  DescribeUserPoolClientCommand,
  DescribeUserPoolCommand,
  GetGroupCommand,
  ListGroupsCommand,
  ListUserPoolsCommand,
  ListUsersCommand,
  ListUsersInGroupCommand,
  paginateListUsersInGroup,
  UpdateGroupCommand,
} from '@aws-sdk/client-cognito-identity-provider';
import { type Cognito, createCognito, type UserPoolHandle } from '../../../sandbox/aws/cognito';
import { anEstate, type Served, serve } from './serve';

describe('Cognito in the sandbox', () => {
  let cognito: Cognito;
  let served: Served;
  let client: CognitoIdentityProviderClient;
  let pool: UserPoolHandle;
  let UserPoolId: string;

  beforeEach(async () => {
    const estate = anEstate();
    cognito = createCognito(estate, { groupsPerPool: 70 });
    served = await serve(estate, cognito.service);
    client = new CognitoIdentityProviderClient(served.client);
    pool = cognito.createUserPool({
      name: 'users',
      usernameAttributes: ['email'],
      schema: [{ name: 'tenant_id', mutable: false, maxLength: 36 }, { name: 'department' }],
      clients: [{ name: 'web', WriteAttributes: ['email', 'name'] }],
    });
    UserPoolId = pool.id;
  });

  afterEach(async () => {
    client.destroy();
    await served.stop();
  });

  const createUser = async (email: string, tenantId = 'acme') => {
    const UserAttributes = [{ Name: 'custom:tenant_id', Value: tenantId }];
    const { User } = await client.send(new AdminCreateUserCommand({ UserPoolId, Username: email, UserAttributes }));
    return User?.Username ?? '';
  };
  const createGroup = (GroupName: string) => client.send(new CreateGroupCommand({ UserPoolId, GroupName }));

  it('describes the pool and its client as they were deployed', async () => {
    const { UserPool } = await client.send(new DescribeUserPoolCommand({ UserPoolId }));
    const { UserPools } = await client.send(new ListUserPoolsCommand({ MaxResults: 10 }));
    const ClientId = pool.clients['web'];
    const { UserPoolClient } = await client.send(new DescribeUserPoolClientCommand({ UserPoolId, ClientId }));

    expect(UserPool).toMatchObject({ Arn: pool.arn, UsernameAttributes: ['email'] });
    expect(UserPool?.SchemaAttributes).toContainEqual(
      expect.objectContaining({ Name: 'custom:tenant_id', Mutable: false }),
    );
    expect(UserPools).toMatchObject([{ Id: UserPoolId, Name: 'users' }]);
    expect(UserPoolClient).toMatchObject({ ClientName: 'web', WriteAttributes: ['email', 'name'] });
  });

  it('reports a missing pool and a missing group by the same error', async () => {
    const missingPool = client.send(new GetGroupCommand({ UserPoolId: 'eu-central-1_missing', GroupName: 'acme' }));
    await expect(missingPool).rejects.toMatchObject({ name: 'ResourceNotFoundException' });

    const missingGroup = client.send(new GetGroupCommand({ UserPoolId, GroupName: 'acme' }));
    await expect(missingGroup).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
  });

  describe('groups', () => {
    it('are unique by name and can be brought in line', async () => {
      await createGroup('acme');

      await expect(createGroup('acme')).rejects.toMatchObject({ name: 'GroupExistsException' });

      await client.send(new UpdateGroupCommand({ UserPoolId, GroupName: 'acme', Description: 'tenant acme' }));
      const { Group } = await client.send(new GetGroupCommand({ UserPoolId, GroupName: 'acme' }));
      expect(Group).toMatchObject({ GroupName: 'acme', Description: 'tenant acme', UserPoolId });
    });

    it('are listed in pages and end at the quota', async () => {
      for (let number = 0; number < 70; number += 1) await createGroup(`tenant-${number}`);

      const first = await client.send(new ListGroupsCommand({ UserPoolId }));
      const second = await client.send(new ListGroupsCommand({ UserPoolId, NextToken: first.NextToken }));

      expect([first.Groups?.length, second.Groups?.length, second.NextToken]).toEqual([60, 10, undefined]);
      await expect(createGroup('one-too-many')).rejects.toMatchObject({ name: 'LimitExceededException' });
      const tooMany = client.send(new ListGroupsCommand({ UserPoolId, Limit: 61 }));
      await expect(tooMany).rejects.toMatchObject({ name: 'InvalidParameterException' });
    });

    it('leave their users behind when they are deleted', async () => {
      const Username = await createUser('ada@example.com');
      await createGroup('acme');
      await client.send(new AdminAddUserToGroupCommand({ UserPoolId, Username, GroupName: 'acme' }));

      await client.send(new DeleteGroupCommand({ UserPoolId, GroupName: 'acme' }));

      const { Groups } = await client.send(new AdminListGroupsForUserCommand({ UserPoolId, Username }));
      expect(Groups).toEqual([]);
      await expect(client.send(new DeleteGroupCommand({ UserPoolId, GroupName: 'acme' }))).rejects.toMatchObject({
        name: 'ResourceNotFoundException',
      });
    });

    it('take a user in as often as asked', async () => {
      const Username = await createUser('ada@example.com');
      await createGroup('acme');
      const membership = { UserPoolId, Username, GroupName: 'acme' };

      await client.send(new AdminAddUserToGroupCommand(membership));
      await client.send(new AdminAddUserToGroupCommand(membership));
      const joined = await client.send(new ListUsersInGroupCommand({ UserPoolId, GroupName: 'acme' }));
      await client.send(new AdminRemoveUserFromGroupCommand(membership));
      await client.send(new AdminRemoveUserFromGroupCommand(membership));
      const left = await client.send(new ListUsersInGroupCommand({ UserPoolId, GroupName: 'acme' }));

      expect([joined.Users?.length, left.Users?.length]).toEqual([1, 0]);
    });

    it('skip members when they are listed and deleted in one sweep', async () => {
      await createGroup('acme');
      for (const name of ['a', 'b', 'c', 'd']) {
        const Username = await createUser(`${name}@example.com`);
        await client.send(new AdminAddUserToGroupCommand({ UserPoolId, Username, GroupName: 'acme' }));
      }

      for await (const page of paginateListUsersInGroup({ client, pageSize: 2 }, { UserPoolId, GroupName: 'acme' })) {
        for (const { Username } of page.Users ?? [])
          await client.send(new AdminDeleteUserCommand({ UserPoolId, Username }));
      }

      const { Users } = await client.send(new ListUsersInGroupCommand({ UserPoolId, GroupName: 'acme' }));
      expect(Users).toHaveLength(2);
    });
  });

  describe('users', () => {
    it('get a generated name and one invitation', async () => {
      const username = await createUser('Ada@example.com');

      const { Username, UserAttributes, UserStatus, Enabled } = await client.send(
        new AdminGetUserCommand({ UserPoolId, Username: 'ada@EXAMPLE.com' }),
      );

      expect({ Username, UserStatus, Enabled }).toEqual({
        Username: username,
        UserStatus: 'FORCE_CHANGE_PASSWORD',
        Enabled: true,
      });
      expect(UserAttributes).toEqual(
        expect.arrayContaining([
          { Name: 'sub', Value: username },
          { Name: 'email', Value: 'Ada@example.com' },
          { Name: 'custom:tenant_id', Value: 'acme' },
        ]),
      );
      expect(cognito.messages(UserPoolId)).toMatchObject([{ kind: 'INVITATION', email: 'Ada@example.com', username }]);
    });

    it('keep the name they are given in a pool that is not for e-mail sign-in', async () => {
      const named = cognito.createUserPool({ name: 'operators' });
      await client.send(new AdminCreateUserCommand({ UserPoolId: named.id, Username: 'acme-admin' }));
      const sub = cognito.userPool(named.id).users.get('acme-admin')?.attributes.get('sub');

      const bySub = await client.send(new AdminGetUserCommand({ UserPoolId: named.id, Username: sub }));

      expect(bySub.Username).toBe('acme-admin');
      await expect(
        client.send(new AdminCreateUserCommand({ UserPoolId: named.id, Username: 'acme-admin' })),
      ).rejects.toMatchObject({ name: 'UsernameExistsException' });
    });

    it('are unique by e-mail in any case, and a refused repeat sends nothing', async () => {
      await createUser('ada@example.com');

      await expect(createUser('ADA@example.com', 'globex')).rejects.toMatchObject({ name: 'UsernameExistsException' });

      expect(cognito.messages(UserPoolId)).toHaveLength(1);
    });

    it('are invited again on RESEND and not at all on SUPPRESS', async () => {
      const suppressed = { UserPoolId, Username: 'ada@example.com', MessageAction: 'SUPPRESS' } as const;
      await client.send(new AdminCreateUserCommand(suppressed));
      expect(cognito.messages(UserPoolId)).toEqual([]);

      const resend = new AdminCreateUserCommand({ ...suppressed, MessageAction: 'RESEND' });
      await client.send(resend);
      expect(cognito.messages(UserPoolId)).toMatchObject([{ kind: 'INVITATION_AGAIN' }]);

      cognito.setUserStatus(UserPoolId, 'ada@example.com', 'CONFIRMED');
      await expect(client.send(resend)).rejects.toMatchObject({ name: 'UnsupportedUserStateException' });
    });

    it.each(['ada', 'ada@', '@example.com', 'a b@example.com'])('are refused with the e-mail %j', async (email) => {
      await expect(createUser(email)).rejects.toMatchObject({ name: 'InvalidParameterException' });
    });

    it('are refused with an attribute that the pool does not know or a value that is too long', async () => {
      const create = (Name: string, Value: string) =>
        client.send(
          new AdminCreateUserCommand({ UserPoolId, Username: 'ada@example.com', UserAttributes: [{ Name, Value }] }),
        );

      await expect(create('custom:unknown', 'x')).rejects.toMatchObject({ name: 'InvalidParameterException' });
      await expect(create('custom:tenant_id', 'x'.repeat(37))).rejects.toMatchObject({
        name: 'InvalidParameterException',
      });
    });

    it('are refused with a weak temporary password', async () => {
      const weak = { UserPoolId, Username: 'ada@example.com', TemporaryPassword: 'secret' };

      await expect(client.send(new AdminCreateUserCommand(weak))).rejects.toMatchObject({
        name: 'InvalidPasswordException',
      });
    });

    it('change mutable attributes, keep immutable ones and never take another user’s e-mail', async () => {
      const Username = await createUser('ada@example.com');
      await createUser('bob@example.com');
      const update = (Name: string, Value: string) =>
        client.send(new AdminUpdateUserAttributesCommand({ UserPoolId, Username, UserAttributes: [{ Name, Value }] }));

      await update('custom:department', 'research');
      await expect(update('custom:tenant_id', 'globex')).rejects.toMatchObject({ name: 'InvalidParameterException' });
      await expect(update('email', 'BOB@example.com')).rejects.toMatchObject({ name: 'AliasExistsException' });

      const attributes = cognito.userPool(UserPoolId).users.get(Username)?.attributes;
      expect(attributes?.get('custom:department')).toBe('research');
      expect(attributes?.get('custom:tenant_id')).toBe('acme');
    });

    it('are found by filter, case-insensitively by e-mail, and not by custom attribute', async () => {
      const sub = await createUser('ada@example.com');
      await createUser('adam@example.com');
      const found = async (Filter: string) =>
        (await client.send(new ListUsersCommand({ UserPoolId, Filter }))).Users ?? [];

      expect(await found('email = "ADA@example.com"')).toHaveLength(1);
      expect(await found('email ^= "ada"')).toHaveLength(2);
      expect(await found(`sub = "${sub}"`)).toHaveLength(1);
      expect(await found(`username = "${sub}"`)).toHaveLength(1);
      await expect(found('custom:tenant_id = "acme"')).rejects.toMatchObject({ name: 'InvalidParameterException' });
      await expect(found('nonsense')).rejects.toMatchObject({ name: 'InvalidParameterException' });
    });

    it('are listed in pages', async () => {
      for (const name of ['a', 'b', 'c']) await createUser(`${name}@example.com`);

      const first = await client.send(new ListUsersCommand({ UserPoolId, Limit: 2, AttributesToGet: ['email'] }));
      const PaginationToken = first.PaginationToken;
      const second = await client.send(new ListUsersCommand({ UserPoolId, Limit: 2, PaginationToken }));

      expect(first.Users?.map(({ Attributes }) => Attributes)).toEqual([
        [{ Name: 'email', Value: 'a@example.com' }],
        [{ Name: 'email', Value: 'b@example.com' }],
      ]);
      expect([second.Users?.length, second.PaginationToken]).toEqual([1, undefined]);
      const forged = client.send(new ListUsersCommand({ UserPoolId, PaginationToken: 'forged' }));
      await expect(forged).rejects.toMatchObject({ name: 'InvalidParameterException' });
    });

    it('are disabled, signed out, enabled and deleted', async () => {
      const Username = await createUser('ada@example.com');
      const user = { UserPoolId, Username };
      await client.send(new AdminDisableUserCommand(user));
      await client.send(new AdminUserGlobalSignOutCommand(user));
      expect(cognito.userPool(UserPoolId).users.get(Username)).toMatchObject({
        enabled: false,
        signedOutAt: new Date('2026-01-01T00:00:00Z'),
      });

      await client.send(new AdminEnableUserCommand(user));
      expect((await client.send(new AdminGetUserCommand(user))).Enabled).toBe(true);

      await client.send(new AdminDeleteUserCommand(user));
      await expect(client.send(new AdminDeleteUserCommand(user))).rejects.toMatchObject({
        name: 'UserNotFoundException',
      });
      await expect(createUser('ada@example.com')).resolves.not.toBe(Username);
    });
  });
});
