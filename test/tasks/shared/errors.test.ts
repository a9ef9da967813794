import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as errors from '../../../tasks/shared/errors';

const SOURCE = readFileSync(join(__dirname, '../../../tasks/shared/errors.ts'), 'utf8');
/** Class name and name literal, as the source has them: a bundler may rename constructors, never literals. */
const DECLARED = [
  ...SOURCE.matchAll(/export class (\w+) extends TenantLifecycleError \{\s+override readonly name = '(\w+)'/g),
];

describe('errors', () => {
  it('lists every class that it declares', () => {
    const declared = DECLARED.map(([, className]) => className);

    expect(declared.length).toBe(SOURCE.match(/extends TenantLifecycleError/g)?.length);
    expect(errors.ERRORS.map(({ name }) => name)).toEqual(declared);
  });

  it('gives every class a name of its own, equal to its constructor’s', () => {
    const names = DECLARED.map(([, , literal]) => literal);

    expect(names).toEqual(DECLARED.map(([, className]) => className));
    expect(new Set(names).size).toBe(names.length);
  });

  it.each(errors.ERRORS.map((ErrorType) => [ErrorType.name, ErrorType] as const))(
    '%s keeps message and cause, and says what to do',
    (name, ErrorType) => {
      const cause = new Error('below');

      const error = new ErrorType('tenant acme: said', { cause });

      expect(error).toBeInstanceOf(errors.TenantLifecycleError);
      expect(error).toMatchObject({ name, message: 'tenant acme: said', cause });
      expect(error.nextAction).toMatch(/^[A-Z].+\.$/);
    },
  );
});

describe('describeErrorName', () => {
  it('finds class and next action of one of ours', () => {
    expect(errors.describeErrorName('QuotaExceededError')).toEqual({
      errorClass: 'quota',
      nextAction: new errors.QuotaExceededError('').nextAction,
    });
  });

  it.each(['States.Timeout', 'Error', 'toString', ''])('does not know %j', (name) => {
    expect(errors.describeErrorName(name)).toBeUndefined();
  });
});

describe('errorName', () => {
  it.each([
    [new errors.NotReadyError('x'), 'NotReadyError'],
    [new TypeError('x'), 'TypeError'],
    ['thrown text', 'string'],
    [undefined, 'undefined'],
  ])('names %p', (thrown, name) => {
    expect(errors.errorName(thrown)).toBe(name);
  });
});
