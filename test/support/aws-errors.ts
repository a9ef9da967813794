/** An error as the SDK throws it: name from the wire, metadata, no class of its own (aws-semantics §0.3). */
export function anAwsError(name: string, message = `${name} from a test`, httpStatusCode = 400): Error {
  return Object.assign(new Error(message), { name, $metadata: { httpStatusCode }, $fault: 'client' });
}

/** What the SDK throws when the connection breaks after the service has acted (aws-semantics §0.4). */
export const aLostAnswer = (): Error =>
  Object.assign(new Error('socket hang up'), { name: 'TimeoutError', code: 'ECONNRESET', $metadata: { attempts: 1 } });
