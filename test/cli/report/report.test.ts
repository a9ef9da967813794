import { csv } from '../../../cli/report/csv';
import { makeReport } from '../../../cli/report/report';
import { anExecutionArnOf } from '../../support/builders';
import { anArchive, anEffect, anExecution, aRecord, EXECUTION_ARN } from './an-archive';

const NOW = { stage: 'prod', generatedAt: '2026-12-01T00:00:00.000Z' };

describe('the timeline', () => {
  it('has requests, decisions, refusals and ends in the order in which they happened', () => {
    const report = makeReport(
      anArchive({
        records: [
          aRecord({
            action: 'approve-purge',
            requestedBy: 'second',
            at: '2026-11-03T00:00:00.000Z',
            requestId: 'ok-1',
          }),
          aRecord(),
          aRecord({
            action: 'destroy-user-group',
            step: 'Destroy user group',
            outcome: 'REFUSED',
            executionArn: EXECUTION_ARN,
            at: '2026-11-04T00:00:00.000Z',
            key: 'k',
          }),
        ],
        executions: [anExecution()],
      }),
      NOW,
    );
    expect(report.timeline.map(({ kind, what, by }) => [kind, what, by])).toEqual([
      ['request', 'Onboarding requested', 'signup'],
      ['execution', 'Execution ended SUCCEEDED', undefined],
      ['decision', 'Purge approved', 'second'],
      ['refusal', 'Destroy user group refused', 'signup'],
    ]);
    expect(report.decisions).toHaveLength(2);
  });

  it('shows what lies in the period, its first and last instant included', () => {
    const at = ['2026-11-01T00:00:00.000Z', '2026-11-02T00:00:00.000Z', '2026-11-03T00:00:00.000Z'];
    const archive = anArchive({ records: at.map((instant, n) => aRecord({ at: instant, requestId: `r-${n}` })) });
    const shown = (period: { from?: string; to?: string }) =>
      makeReport(archive, { ...NOW, ...period }).timeline.map(({ requestId }) => requestId);
    expect(shown({ from: '2026-11-02T00:00:00.000Z' })).toEqual(['r-1', 'r-2']);
    expect(shown({ to: '2026-11-02T00:00:00.000Z' })).toEqual(['r-0', 'r-1']);
    expect(shown({ from: '2026-11-03T00:00:00.001Z' })).toEqual([]);
  });

  it('keeps an execution that was running during the period', () => {
    const archive = anArchive({
      executions: [anExecution({ startedAt: '2026-11-01T00:00:00.000Z', endedAt: '2026-11-30T00:00:00.000Z' })],
    });
    const shown = (from: string, to: string) => makeReport(archive, { ...NOW, from, to }).executions.length;
    expect(shown('2026-11-10T00:00:00Z', '2026-11-11T00:00:00Z')).toBe(1);
    expect(shown('2026-12-01T00:00:00Z', '2026-12-02T00:00:00Z')).toBe(0);
    expect(shown('2026-10-01T00:00:00Z', '2026-10-02T00:00:00Z')).toBe(0);
  });
});

describe('executions', () => {
  it('takes the export with the most redrives, which has the whole history; the timeline has every end', () => {
    const failed = anExecution({ status: 'FAILED', endedAt: '2026-11-01T10:03:00.000Z' });
    const report = makeReport(anArchive({ executions: [anExecution({ redriveCount: 1 }), failed] }), NOW);
    expect(report.executions).toEqual([expect.objectContaining({ redriveCount: 1, status: 'SUCCEEDED' })]);
    expect(report.timeline.map(({ what }) => what)).toEqual([
      'Execution ended FAILED',
      'Execution ended SUCCEEDED after 1 redrive',
    ]);
  });

  it('says who asked for it', () => {
    const report = makeReport(anArchive({ records: [aRecord()], executions: [anExecution()] }), NOW);
    expect(report.executions[0]?.requestedBy).toBe('signup');
  });
});

describe('resources', () => {
  it('says what was made, blocked, restored and destroyed, and when', () => {
    const { resources } = makeReport(
      anArchive({
        records: [
          anEffect('provision-encryption-key', '2026-11-01T00:00:00.000Z'),
          anEffect('suspend-encryption-key', '2026-11-02T00:00:00.000Z'),
          anEffect('restore-encryption-key', '2026-11-03T00:00:00.000Z'),
          anEffect('destroy-encryption-key', '2026-11-04T00:00:00.000Z'),
        ],
      }),
      NOW,
    );
    const execution = 'onboard--acme--signup-1';
    expect(resources).toEqual([
      {
        type: 'encryption-key',
        physicalId: 'key-1',
        made: [{ at: '2026-11-01T00:00:00.000Z', execution }],
        blocked: [{ at: '2026-11-02T00:00:00.000Z', execution }],
        restored: [{ at: '2026-11-03T00:00:00.000Z', execution }],
        destroyed: [{ at: '2026-11-04T00:00:00.000Z', execution }],
      },
    ]);
  });

  it('says of what a reinstatement provisions that it was restored, not made again', () => {
    const again = anEffect('provision-encryption-key', '2026-11-03T00:00:00.000Z');
    const executionArn = anExecutionArnOf('reinstate--acme--stay-1');
    const { resources } = makeReport(
      anArchive({
        records: [anEffect('provision-encryption-key', '2026-11-01T00:00:00.000Z'), { ...again, executionArn }],
      }),
      NOW,
    );

    expect(resources).toMatchObject([
      {
        made: [{ at: '2026-11-01T00:00:00.000Z' }],
        restored: [{ at: '2026-11-03T00:00:00.000Z', execution: 'reinstate--acme--stay-1' }],
      },
    ]);
  });

  it('takes from the evidence what no step says by itself', () => {
    const manifest = {
      resources: [
        {
          type: 'first-admin',
          physicalId: 'sub-1',
          destroyedAt: '2026-11-05T00:00:00.000Z',
          destroyedBy: EXECUTION_ARN,
          removed: 1,
        },
      ],
      kept: [],
      hashes: {},
    };
    const { resources } = makeReport(
      anArchive({
        records: [
          anEffect('provision-first-admin', '2026-11-01T00:00:00.000Z', { type: 'first-admin', physicalId: 'sub-1' }),
        ],
        evidence: [{ key: 'e', sha256: 's', manifest }],
      }),
      NOW,
    );
    expect(resources[0]).toMatchObject({
      removed: 1,
      destroyed: [{ at: '2026-11-05T00:00:00.000Z', execution: 'onboard--acme--signup-1' }],
    });
  });

  it('does not count what was refused', () => {
    const refused = { ...anEffect('destroy-encryption-key', '2026-11-01T00:00:00.000Z'), outcome: 'REFUSED' as const };
    expect(makeReport(anArchive({ records: [refused] }), NOW).resources).toEqual([]);
  });
});

describe('CSV', () => {
  const rows = (reason: string) => csv(makeReport(anArchive({ records: [aRecord({ reason })] }), NOW)).split('\r\n');

  it('has one line per entry under one heading', () => {
    const [heading, row, end] = rows('contract ended');
    expect(heading).toMatch(/^tenantId,at,kind,action,what,by,outcome,reason,/);
    expect(row).toMatch(
      /^acme,2026-11-01T10:00:00.000Z,request,request-onboard,Onboarding requested,signup,ACCEPTED,contract ended,/,
    );
    expect(end).toBe('');
  });

  it('quotes what holds a comma or a quotation mark', () => {
    expect(rows('case "42", closed')[1]).toContain(',"case ""42"", closed",');
  });

  it.each(['=HYPERLINK(1)', '+1', '-1', '@SUM(A1)'])('gives a spreadsheet no formula to run: %s', (formula) => {
    expect(rows(formula)[1]).toContain(`,'${formula},`);
  });
});
