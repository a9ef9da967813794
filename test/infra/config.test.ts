import { LOG_RETENTION_DAYS, readConfig, STAGES, vectorDomainName } from '../../infra/config';
import { TENANT_RESOURCES } from '../../tasks/resources';

const configOf = (context: Record<string, unknown>) => readConfig((name) => context[name]);

describe('the stage configuration', () => {
  it('is dev when the context names no stage', () => {
    expect(configOf({}).app).toEqual({ name: 'tenant-lifecycle', stage: 'dev' });
  });

  it('lists every problem of the context at once', () => {
    const read = () =>
      configOf({
        stage: 'qa',
        bundle: 'perhaps',
        callbackUrls: 'nowhere',
        emailFrom: 'nobody',
        quotaLimits: '{"unicorn":1,"user-group":-1}',
      });

    expect(read).toThrow(/stage: .*bundle: .*callbackUrls.*: .*emailFrom: .*quotaLimits\.user-group: .*unicorn/);
  });

  it.each(['{', '[]', '{"vector-index":"many"}'])('rejects quota limits that are %s', (quotaLimits) => {
    expect(() => configOf({ quotaLimits })).toThrow(/quotaLimits/);
  });

  it('takes quota limits from the command line and keeps the others', () => {
    const { quotaLimits } = configOf({ quotaLimits: '{"knowledge-base":250}' });

    expect(quotaLimits).toEqual({
      'encryption-key': 100_000,
      'user-group': 10_000,
      'knowledge-base': 250,
      'vector-index': 400,
    });
  });

  it('takes several callback URLs from the command line', () => {
    expect(configOf({ callbackUrls: 'https://a.example/cb,https://b.example/cb' }).callbackUrls).toHaveLength(2);
  });

  it.each(STAGES)('of %s has a limit for each resource type that takes a quota', (stage) => {
    const limited = TENANT_RESOURCES.filter(({ quota }) => quota !== undefined).map(({ type }) => type);

    expect(Object.keys(configOf({ stage }).quotaLimits).sort()).toEqual([...limited].sort());
  });

  it.each(STAGES)('of %s keeps within what AWS accepts', (stage) => {
    const config = configOf({ stage });

    expect(vectorDomainName(config.app).length).toBeLessThanOrEqual(28);
    expect(LOG_RETENTION_DAYS).toContain(config.auditLogDays);
    expect(config.vectorDomain.nodes % config.vectorDomain.zones).toBe(0);
  });

  it('of prod keeps the audit trail seven years, beyond anyone’s reach', () => {
    expect(configOf({ stage: 'prod' })).toMatchObject({
      auditLock: { mode: 'COMPLIANCE', days: 2557 },
      auditLogDays: 2557,
    });
  });
});
