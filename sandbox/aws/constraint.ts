import { ServiceError } from './service';

/** Checks one required string member and returns it, or throws in the words of the API model. */
export type Constraint = (value: string | undefined, member: string, pattern?: RegExp) => string;

/** SDK v3 does not validate on the client, so the services do. `code` is the name under which a service reports bad input. */
export function constraint(code: string): Constraint {
  return (value, member, pattern) => {
    if (value === undefined || value === null) {
      throw new ServiceError(code, `${violation('null', member)} Member must not be null`);
    }
    if (pattern !== undefined && !pattern.test(value)) {
      const expected = `Member must satisfy regular expression pattern: ${pattern.source}`;
      throw new ServiceError(code, `${violation(`'${value}'`, member)} ${expected}`);
    }
    return value;
  };
}

function violation(value: string, member: string): string {
  return `1 validation error detected: Value ${value} at '${member}' failed to satisfy constraint:`;
}
