import { randomUUID } from 'node:crypto';
import { ServiceError } from '../aws/service';

const MAX_NAME_LENGTH = 80;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are among what AWS refuses.
const REFUSED = /[\s<>{}[\]?*"#%\\^|~`$&,;:/\u0000-\u001f\u007f-\u009f\ufffe\uffff\ud800-\udfff]/;

/** The name of a new execution; AWS makes one up for those who give none. */
export function executionName(name: string | undefined): string {
  if (name === undefined) return randomUUID();
  if (name.length === 0 || name.length > MAX_NAME_LENGTH || REFUSED.test(name)) {
    throw new ServiceError('InvalidName', `Invalid Name: '${name}'`);
  }
  return name;
}

/** `arn:aws:states:R:A:stateMachine:N` → `arn:aws:states:R:A:execution:N:<name>`. */
export function executionArn(stateMachineArn: string, name: string): string {
  return `${stateMachineArn.replace(':stateMachine:', ':execution:')}:${name}`;
}

const ARN = /^arn:[\w-]+:states:[\w-]+:\d{12}:/;

export function checkArn(arn: unknown): string {
  if (typeof arn === 'string' && ARN.test(arn)) return arn;
  throw new ServiceError('InvalidArn', `Invalid Arn: '${String(arn)}'`);
}
