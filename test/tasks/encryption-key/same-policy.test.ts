import { isSamePolicy } from '../../../tasks/encryption-key/key-policy';
import { aKeyPolicy } from '../../support/builders';

describe('isSamePolicy', () => {
  const policy = aKeyPolicy();

  it('does not mind order, nor a list of one', () => {
    const [first, ...rest] = policy.Statement;
    const shuffled = { Statement: [...rest.toReversed(), first], Version: policy.Version };
    const unlisted = JSON.stringify(shuffled).replaceAll('["kms:Decrypt"]', '"kms:Decrypt"');

    expect(unlisted).not.toBe(JSON.stringify(policy));
    expect(isSamePolicy(unlisted, policy)).toBe(true);
  });

  it.each([
    undefined,
    'no JSON',
    '{}',
    JSON.stringify({ ...aKeyPolicy(), Statement: aKeyPolicy().Statement.slice(1) }),
  ])('sees that %j is another one', (actual) => {
    expect(isSamePolicy(actual, policy)).toBe(false);
  });
});
