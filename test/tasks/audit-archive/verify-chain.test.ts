import { type ArchiveContents, type FoundObject, verifyChain } from '../../../tasks/audit-archive/verify-chain';
import { sha256Hex } from '../../../tasks/shared/digest';
import { canonicalJson, chainKey } from '../../../tasks/shared/names';

const NOW = new Date('2026-03-01T00:00:00.000Z');
const OLD = '2026-02-01T00:00:00.000Z';

interface Archive {
  objects: FoundObject[];
  chain: Map<string, Buffer>;
  head?: { sequence: number; sha256: string };
}

const anObject = (key: string, body = key, changes: Partial<FoundObject> = {}): FoundObject => ({
  key,
  sha256: sha256Hex(body),
  lastModified: OLD,
  ...changes,
});

/** A whole archive: one record per list of keys. */
function anArchive(...covered: string[][]): Archive {
  const archive: Archive = { objects: [], chain: new Map() };
  let previous: string | null = null;
  for (const [position, keys] of covered.entries()) {
    const sequence = position + 1;
    const objects = keys.map((key) => ({ key, versionId: 'v1', sha256: sha256Hex(key), bytes: key.length }));
    const bytes: Buffer = Buffer.from(
      canonicalJson({ schemaVersion: 1, tenantId: 'acme', sequence, previous, at: OLD, execution: null, objects }),
    );
    previous = sha256Hex(bytes);
    archive.chain.set(chainKey('acme', sequence), bytes);
    archive.objects.push(...keys.map((key) => anObject(key)), anObject(chainKey('acme', sequence), bytes.toString()));
    archive.head = { sequence, sha256: previous };
  }
  return archive;
}

const A = 'audit/acme/x/a.json';
const B = 'audit/acme/x/b.json';
const C = 'audit/acme/x/c.json';
const verify = (archive: Archive, tenantId = 'acme') =>
  verifyChain({ tenantId, ...archive } satisfies ArchiveContents, NOW);
const edit = (archive: Archive, sequence: number, change: (text: string) => string) => {
  const key = chainKey('acme', sequence);
  archive.chain.set(key, Buffer.from(change(archive.chain.get(key)?.toString('utf8') ?? '')));
};

describe('verifyChain', () => {
  it('finds an untouched archive whole', () => {
    const archive = anArchive([A], [B, C]);

    expect(verify(archive)).toEqual({
      ok: true,
      tenantId: 'acme',
      records: 2,
      objects: 3,
      pending: [],
      head: archive.head,
      endKnown: true,
    });
  });

  it('finds an archive whole that holds nothing yet', () => {
    expect(verify({ objects: [], chain: new Map() })).toMatchObject({ ok: true, records: 0, endKnown: false });
  });

  it('waits a day for what no record covers', () => {
    const archive = anArchive([A]);
    archive.objects.push(anObject(B, B, { lastModified: '2026-02-28T12:00:00.000Z' }));

    expect(verify(archive)).toMatchObject({ ok: true, pending: [B] });
  });

  const BREAKS: readonly (readonly [string, (archive: Archive) => void, object])[] = [
    [
      'an object was altered',
      (archive) => archive.objects.splice(0, 1, anObject(A, 'other')),
      { kind: 'altered', key: A },
    ],
    [
      'an object was written over',
      (archive) => archive.objects.splice(0, 1, anObject(A, A, { versions: 2 })),
      { kind: 'altered', key: A },
    ],
    ['an object is missing', (archive) => archive.objects.splice(0, 1), { kind: 'missing', key: A }],
    [
      'an object is hidden',
      (archive) => archive.objects.splice(0, 1, anObject(A, A, { hidden: true })),
      { kind: 'missing', key: A },
    ],
    [
      'a record was altered',
      (archive) => edit(archive, 1, (text) => text.replace(OLD, '2026-02-02T00:00:00.000Z')),
      { kind: 'altered', sequence: 1 },
    ],
    ['a record cannot be read', (archive) => edit(archive, 2, () => 'x'), { kind: 'altered', sequence: 2 }],
    [
      'the last record was altered',
      (archive) => edit(archive, 3, (text) => text.replace(OLD, '2026-02-02T00:00:00.000Z')),
      { kind: 'altered', sequence: 3 },
    ],
    [
      'a record was written over',
      (archive) => {
        const at = archive.objects.findIndex(({ key }) => key === chainKey('acme', 2));
        archive.objects.splice(at, 1, anObject(chainKey('acme', 2), '', { versions: 2 }));
      },
      { kind: 'altered', sequence: 2 },
    ],
    ['a record is missing', (archive) => archive.chain.delete(chainKey('acme', 2)), { kind: 'missing', sequence: 2 }],
    [
      'the first record is missing',
      (archive) => archive.chain.delete(chainKey('acme', 1)),
      { kind: 'missing', sequence: 1 },
    ],
    [
      'two records changed places',
      ({ chain }) => {
        const [second, third] = [2, 3].map((sequence) => chain.get(chainKey('acme', sequence)) ?? Buffer.alloc(0));
        chain.set(chainKey('acme', 2), third as Buffer).set(chainKey('acme', 3), second as Buffer);
      },
      { kind: 'reordered', sequence: 2 },
    ],
    [
      'a record is one of another tenant',
      (archive) => edit(archive, 2, (text) => text.replace('"acme"', '"acme2"')),
      { kind: 'foreign', sequence: 2 },
    ],
    [
      'a record vouches for what is another tenant’s',
      (archive) => edit(archive, 3, (text) => text.replace(C, 'audit/acme2/x/c.json')),
      { kind: 'altered', sequence: 3 },
    ],
    [
      'something else lies among the records',
      (archive) => archive.objects.push(anObject('audit/acme/chain/notes.txt')),
      { kind: 'foreign', key: 'audit/acme/chain/notes.txt' },
    ],
    [
      'an old object is covered by no record',
      (archive) => archive.objects.push(anObject('audit/acme/x/d.json')),
      { kind: 'not-chained', key: 'audit/acme/x/d.json' },
    ],
    [
      'the last record was cut off',
      (archive) => archive.chain.delete(chainKey('acme', 3)),
      { kind: 'cut-off', sequence: 3 },
    ],
    ['all records were cut off', ({ chain }) => chain.clear(), { kind: 'cut-off', sequence: 1 }],
  ];

  it.each(BREAKS)('names the break when %s', (_what, tamper, firstBreak) => {
    const archive = anArchive([A], [B], [C]);
    tamper(archive);

    const verification = verify(archive);

    expect(verification.ok).toBe(false);
    expect(verification.firstBreak).toMatchObject(firstBreak);
    expect(verification.firstBreak?.message).toMatch(/\w/);
    expect(verification.head).toBeUndefined();
  });

  it('takes a chain that was written anew from its middle for an altered one, by the noted head', () => {
    const archive = anArchive([A], [B], [C]);
    const { chain, objects } = anArchive([A], [B, C], ['audit/acme/x/d.json']);

    expect(verify({ ...archive, chain, objects })).toMatchObject({ firstBreak: { kind: 'altered', sequence: 3 } });
  });

  it('says that the end is not known when no head was noted', () => {
    const { objects, chain } = anArchive([A], [B]);
    chain.delete(chainKey('acme', 2));
    const left = objects.filter(({ key }) => key !== B && key !== chainKey('acme', 2));

    expect(verify({ objects: left, chain })).toMatchObject({ ok: true, records: 1, endKnown: false });
  });

  it('keeps acme and acme2 apart', () => {
    expect(verify(anArchive([A]), 'acme2')).toMatchObject({ ok: false });
  });
});
