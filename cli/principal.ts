import { createHash } from 'node:crypto';

/** What request-operation accepts as requestedBy. */
const ACCEPTED = /^[\w+=,.:/-]{1,256}$/;
const PART = /^[\w+=,.:-]*$/;

/**
 * Who asks, for the audit trail: the caller's ARN. Session names are often e-mail addresses, which must not get there, so a
 * part with an @ (or anything else that is not accepted) is stood for by a hash: the same person is always the same hash.
 */
export function principalOf(callerArn: string): string {
  const parts = callerArn.split('/').map((part) => (PART.test(part) ? part : hashOf(part)));
  const principal = parts.join('/');
  return ACCEPTED.test(principal) ? principal : hashOf(callerArn);
}

const hashOf = (text: string): string => `sha256-${createHash('sha256').update(text).digest('hex').slice(0, 16)}`;
