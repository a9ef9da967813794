import { randomUUID } from 'node:crypto';
import { useApp } from '../lifecycle/app-under-test';
import { anActiveTenant, enabledUsers, startOffboarding, statesOf } from './offboarding-under-test';

const app = useApp();

it('a tenant with more users than one run disables is blocked run by run, each going on where the last one ended', async () => {
  await anActiveTenant(app(), 'acme');
  const { users } = app().services.cognito.userPool(app().output('UserPoolId'));
  const [admin] = users.values();
  if (admin === undefined) throw new Error('there is no admin');
  for (let count = 0; count < 260; count += 1) {
    const username = randomUUID();
    users.set(username, { ...admin, username, attributes: new Map([['sub', username]]), groups: new Set(['acme']) });
  }

  const leaving = await startOffboarding(app(), 'acme');

  expect(enabledUsers(app(), 'acme')).toEqual([]);
  expect(statesOf(app(), leaving).filter((name) => name === 'Suspend users')).toHaveLength(2);
  const listed = app()
    .calls.entries()
    .filter(({ operation }) => operation === 'ListUsersInGroup');
  // Five pages of 60 in two runs, and once more in the end.
  expect(listed).toHaveLength(2 * 5);
});
