import { createColors } from 'picocolors';
import { verificationLines } from '../../cli/commands/audit';
import type { Verification } from '../../tasks/audit-archive/verify-chain';

const HASH = 'ab'.repeat(32);
const aVerification = (changes: Partial<Verification> = {}): Verification => ({
  ok: true,
  tenantId: 'acme',
  records: 2,
  objects: 17,
  pending: [],
  head: { sequence: 2, sha256: HASH },
  endKnown: true,
  ...changes,
});

const textOf = (verification: Verification) => verificationLines(verification, createColors(false)).join('\n');

describe('what tenantctl audit verify prints', () => {
  it('says that the chain is unbroken, how much it covers, and where it ends', () => {
    const text = textOf(aVerification());

    expect(text).toMatch(/^✓ acme: the audit chain is unbroken$/m);
    expect(text).toMatch(/^ *records +2$/m);
    expect(text).toMatch(/^ *objects +17$/m);
    expect(text).toMatch(new RegExp(`^ *last record +2, SHA-256 ${HASH}$`, 'm'));
    expect(text).toMatch(/^ *its end +compared with the registry$/m);
    expect(text).not.toMatch(/broken at|not chained yet/);
  });

  it('names the first break: which record, which object, in which way, and what is wrong with it', () => {
    const text = textOf(
      aVerification({
        ok: false,
        records: 1,
        firstBreak: {
          kind: 'altered',
          sequence: 2,
          key: 'audit/acme/chain/0000000002.json',
          message: 'its SHA-256 is not the one that record 3 names',
        },
      }),
    );

    expect(text).toMatch(/^✗ acme: the audit chain is broken: altered$/m);
    expect(text).toMatch(/^ *broken at +record 2, audit\/acme\/chain\/0000000002\.json$/m);
    expect(text).toMatch(/^ *what +its SHA-256 is not the one that record 3 names$/m);
    expect(text).not.toContain('✓');
  });

  it('names the object alone where no record of the chain is broken', () => {
    const text = textOf(
      aVerification({
        ok: false,
        firstBreak: { kind: 'foreign', key: 'audit/acme/x/y.json', message: 'it names tenant acme2' },
      }),
    );

    expect(text).toMatch(/^✗ acme: the audit chain is broken: foreign$/m);
    expect(text).toMatch(/^ *broken at +audit\/acme\/x\/y\.json$/m);
  });

  it('tells what it cannot know: young objects, and an end that nothing confirms', () => {
    const { head: _, ...headless } = aVerification({ records: 0, objects: 0, pending: ['a', 'b'], endKnown: false });
    const text = textOf(headless);

    expect(text).toMatch(/^✓ acme: nothing is chained yet$/m);
    expect(text).toMatch(/^ *not chained yet +2, younger than a day$/m);
    expect(text).toMatch(/^ *its end +the registry has noted none to compare with$/m);
    expect(text).not.toContain('last record');
  });

  it('lets no control character of an object’s name through to the terminal', () => {
    const text = textOf(
      aVerification({
        ok: false,
        firstBreak: { kind: 'foreign', key: 'audit/acme/x', message: 'named \u001b[31mevil' },
      }),
    );

    expect(text).not.toContain('\u001b');
  });
});
