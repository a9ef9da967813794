import { createHash } from 'node:crypto';
import { read } from '../../docs/generate';
import { canonicalJson } from '../../tasks/shared/names';
import { useApp } from '../lifecycle/app-under-test';
import {
  anActiveTenant,
  change,
  DAY,
  evidenceOf,
  offboardToTheEnd,
  pass,
  quiet,
  startOffboarding,
} from '../offboarding/offboarding-under-test';

const app = useApp();

/** `resources[].type`, `proof.at`, `kept[]`: the path of every value in it. */
function pathsOf(value: unknown, path = ''): string[] {
  if (Array.isArray(value)) return value.flatMap((member) => pathsOf(member, `${path}[]`));
  if (typeof value !== 'object' || value === null) return [path];
  return Object.entries(value).flatMap(([name, member]) => pathsOf(member, path === '' ? name : `${path}.${name}`));
}

/** First column of the table behind the marker. */
function documented(): string[] {
  const [, table = ''] = /<!-- evidence fields -->\n([\s\S]*?)\n\n/.exec(read('docs/compliance.md')) ?? [];
  return table
    .split('\n')
    .slice(2)
    .flatMap((line) => [...(line.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map(([, path = '']) => path));
}

describe('the evidence of deletion in docs/compliance.md', () => {
  it('is described field by field, as it is written', async () => {
    await anActiveTenant(app(), 'full', 'premium');
    await startOffboarding(app(), 'full', { holdSeconds: DAY });
    await change(app(), 'full', 'approve-purge');
    await pass(app(), 2 * DAY);
    await quiet(app());

    const { evidence } = await evidenceOf(app(), 'full');

    expect([...new Set(pathsOf(evidence))].sort()).toEqual(documented().sort());
  });

  it('has hashes that a reader can compute', async () => {
    await anActiveTenant(app(), 'plain');
    await offboardToTheEnd(app(), 'plain');

    const { evidence } = await evidenceOf(app(), 'plain');

    const { hashes, ...parts } = evidence as unknown as { hashes: Record<string, string> } & Record<string, unknown>;
    expect(Object.keys(hashes).sort()).toEqual(['kept', 'offboarding', 'operations', 'proof', 'resources']);
    for (const [part, hash] of Object.entries(hashes)) {
      expect(createHash('sha256').update(canonicalJson(parts[part])).digest('hex')).toBe(hash);
    }
  });
});
