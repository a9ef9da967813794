import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ACCOUNT_CHECKS } from '../../cli/account-checks';
import { signIn } from '../../sandbox/sign-in';
import { useApp } from '../lifecycle/app-under-test';
import { anActiveTenant } from '../offboarding/offboarding-under-test';
import { tenantctl } from './a-terminal';

const app = useApp();
const folder = mkdtempSync(join(tmpdir(), 'check-account-'));
const file = join(folder, 'tokens.json');

const checked = async (...args: readonly string[]) => {
  const endpoint = app().endpoint.url;
  const { exitCode, json } = await tenantctl(
    'check-account',
    '--tenant-id',
    'checked',
    '--json',
    '--endpoint',
    endpoint,
    ...args,
  );
  const { checks } = json() as { checks: { check: string; result: string; detail: string }[] };
  return { exitCode, checks: Object.fromEntries(checks.map(({ check, ...seen }) => [check, seen])) };
};

beforeAll(async () => {
  await anActiveTenant(app(), 'checked', 'premium');
  writeFileSync(file, JSON.stringify(await signIn(app(), 'admin@checked.example')));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('tenantctl check-account', () => {
  it('says what nobody has looked at, and why', async () => {
    const { exitCode, checks } = await checked();

    expect(exitCode).toBe(0);
    expect(Object.keys(checks)).toEqual(ACCOUNT_CHECKS.map(({ name }) => name));
    expect(checks).toMatchObject({
      'app-client': { result: 'PASS' },
      'tenant-role-trust': { result: 'PASS', detail: 'refused: AccessDenied' },
      'own-data': { result: 'NOT RUN', detail: expect.stringContaining('--tokens') },
      ingestion: { result: 'NOT RUN', detail: expect.stringContaining('--ingest') },
    });
  });

  it('looks with the eyes of a member', async () => {
    const ingesting = checked('--tokens', file, '--ingest');
    const hurry = setInterval(() => void app().clock.advance(60_000), 1000);
    const { exitCode, checks } = await ingesting.finally(() => clearInterval(hurry));

    const results = Object.fromEntries(Object.entries(checks).map(([name, { result }]) => [name, result]));
    expect(results).toEqual({
      ...Object.fromEntries(ACCOUNT_CHECKS.map(({ name }) => [name, 'PASS'])),
      'retrieve-and-generate': 'NOT RUN',
    });
    expect(exitCode).toBe(0);
  });

  it('finds what has been opened too far', async () => {
    const cognito = app().services.cognito.userPool(app().output('UserPoolId'));
    Object.assign(cognito.clients.get(app().output('UserPoolClientId')) ?? {}, {
      WriteAttributes: ['name', 'custom:tenant_id'],
    });
    const roleName = app().output('TenantAccessRoleArn').replace(/^.*\//, '');
    const everything = { Effect: 'Allow', Action: ['dynamodb:Scan', 'logs:FilterLogEvents'], Resource: '*' };
    app().directory.attach('Careless', { Version: '2012-10-17', Statement: [everything] }, [roleName]);

    const { exitCode, checks } = await checked('--tokens', file);

    expect(exitCode).toBe(1);
    expect(checks).toMatchObject({
      'app-client': { result: 'FAIL', detail: 'it may write custom:tenant_id' },
      'beside-own-data': {
        result: 'FAIL',
        detail: expect.stringMatching(/^not denied: dynamodb:Scan; logs:FilterLogEvents \S+\/checked0\/audit$/),
      },
    });
  });

  it.each([
    ['is no JSON', 'not json'],
    ['idToken', '{}'],
  ])('does not begin with a file of tokens that is none: %s', async (problem, content) => {
    writeFileSync(join(folder, 'bad.json'), content);

    const { exitCode, stderr } = await tenantctl(
      'check-account',
      '--tenant-id',
      'checked',
      '--tokens',
      join(folder, 'bad.json'),
    );

    expect(exitCode).toBe(2);
    expect(stderr()).toContain('--tokens');
    expect(stderr()).toContain(problem);
  });
});
