import type { Definition, TenantArchive } from '../../../cli/report/archive';
import { html } from '../../../cli/report/html';
import { layOut, NODE } from '../../../cli/report/layout';
import { page } from '../../../cli/report/page';
import { makeReport } from '../../../cli/report/report';
import { anArchive, anExecution, aRecord, eventsOf } from './an-archive';

const DEFINITION: Definition = {
  StartAt: 'Claim',
  States: {
    Claim: { Type: 'Task', Next: 'Provision' },
    Provision: {
      Type: 'Parallel',
      Next: 'Verify',
      Branches: [
        {
          StartAt: 'Index',
          States: {
            Index: { Type: 'Task', Next: 'Ready?' },
            'Ready?': { Type: 'Choice', Choices: [{ Next: 'Index' }], Default: 'Done' },
            Done: { Type: 'Pass' },
          },
        },
        { StartAt: 'Group', States: { Group: { Type: 'Task' } } },
      ],
    },
    Verify: { Type: 'Task' },
  },
};

const pageOf = (archive: Partial<TenantArchive>) => {
  const whole = anArchive(archive);
  return page(makeReport(whole, { stage: 'dev', generatedAt: '2026-12-01T00:00:00.000Z' }), whole);
};

describe('the page', () => {
  it('draws every state of the definition with its outcome and duration, also those not reached', () => {
    const events = eventsOf((history) => history.entered('Claim').scheduled().failed('QuotaExceededError'));
    const text = pageOf({
      executions: [
        anExecution({ definition: DEFINITION, events, status: 'FAILED', endedAt: '1970-01-01T00:00:05.000Z' }),
      ],
    });
    for (const name of ['Claim', 'Index', 'Ready?', 'Done', 'Group', 'Verify'])
      expect(text).toMatch(new RegExp(`<text class="name"[^>]*>${name.replace('?', '\\?')}</text>`));
    expect(text).toMatch(
      /<g class="state failed"><rect[^>]*>\s*<text class="name"[^>]*>Claim<\/text>\s*<text class="caption"[^>]*>✗ failed 4\.0 s<\/text>/,
    );
    expect(text).toMatch(/<g class="state not-reached"><rect[^>]*>\s*<text class="name"[^>]*>Verify<\/text>/);
    expect(text).toContain('Claim: failed after 4.0 s, last error QuotaExceededError.');
  });

  it('escapes whatever was written into the archive', () => {
    const text = pageOf({ records: [aRecord({ reason: '<script>alert("x")</script>&' })] });
    expect(text).not.toContain('<script');
    expect(text).toContain('&#60;script&#62;');
  });

  it('fetches nothing: no script, no address', () => {
    const text = pageOf({ records: [aRecord()], executions: [anExecution({ definition: DEFINITION })] });
    expect(text).not.toMatch(/<script|<link|@import|\bsrc=|url\((?!#)|href="(?!#)/);
  });

  it('says loudly where the archive breaks', () => {
    const text = pageOf({
      verification: {
        ok: false,
        records: [],
        objects: 0,
        pending: [],
        firstBreak: { place: 'chain record 2', kind: 'altered', message: 'its hash differs' },
      },
    });
    expect(text).toMatch(
      /role="alert"><strong>✗ The archive does not verify\.<\/strong> chain record 2: altered\. its hash differs/,
    );
    expect(text).not.toContain('✓ The archive verifies');
  });

  it('is the same for the same archive', () => {
    expect(pageOf({ records: [aRecord()] })).toBe(pageOf({ records: [aRecord()] }));
  });
});

describe('the layout', () => {
  const { nodes, frames } = layOut(DEFINITION);

  it('lets no two states overlap', () => {
    for (const a of nodes)
      for (const b of nodes)
        if (a !== b) expect(Math.abs(a.x - b.x) >= NODE.width || Math.abs(a.y - b.y) >= NODE.height).toBe(true);
  });

  it('frames the branches of a parallel state and nothing else', () => {
    const [frame] = frames;
    const inside = nodes
      .filter(
        ({ x, y }) => frame && x > frame.x && x < frame.x + frame.width && y > frame.y && y < frame.y + frame.height,
      )
      .map(({ name }) => name);
    expect(inside.sort()).toEqual(['Done', 'Group', 'Index', 'Ready?']);
  });
});

describe('markup', () => {
  it('escapes text and keeps markup, nested or in lists', () => {
    expect(html`<p>${['a<b', html`<i>${'&'}</i>`, undefined]}</p>`.text).toBe('<p>a&#60;b<i>&#38;</i></p>');
  });
});
