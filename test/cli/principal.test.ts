import { principalOf } from '../../cli/principal';
import { requestOperation } from '../../tasks/lifecycle/contract';
import { aRequest } from '../support/builders';

const session = (name: string) => `arn:aws:sts::123456789012:assumed-role/Admin/${name}`;

describe('principalOf', () => {
  it.each(['arn:aws:iam::123456789012:user/team/ops', session('build-17'), 'arn:aws:iam::123456789012:root'])(
    'leaves %s as it is',
    (arn) => expect(principalOf(arn)).toBe(arn),
  );

  it('replaces a session name that is an e-mail address by a hash, always the same', () => {
    const principal = principalOf(session('ada@acme.example'));

    expect(principal).toMatch(/^arn:aws:sts::123456789012:assumed-role\/Admin\/sha256-[0-9a-f]{16}$/);
    expect(principalOf(session('ada@acme.example'))).toBe(principal);
    expect(principalOf(session('bob@acme.example'))).not.toBe(principal);
  });

  it.each([session('ada@acme.example'), `arn:aws:iam::123456789012:user/${'p/'.repeat(200)}ada`, session('a!b~c')])(
    'gives what the contract accepts for %s',
    (arn) => {
      const parsed = requestOperation.input.safeParse(aRequest({ requestedBy: principalOf(arn) }));

      expect(parsed.success).toBe(true);
    },
  );
});
