/** An error as the SDK throws it: name from the wire, metadata, no class of its own. */
export function anAwsError(name: string, message = `${name} from a test`, httpStatusCode = 400): Error {
  return Object.assign(new Error(message), { name, $metadata: { httpStatusCode }, $fault: 'client' });
}

/** What the SDK throws when the connection breaks after the service has acted. */
export const aLostAnswer = (): Error =>
  Object.assign(new Error('socket hang up'), { name: 'TimeoutError', code: 'ECONNRESET', $metadata: { attempts: 1 } });
