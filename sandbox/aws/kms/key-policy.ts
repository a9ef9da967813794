import { type Estate, ServiceError } from '../service';

/** The policy documents of KMS may be 32 KB long. */
const POLICY_LIMIT = 32_768;

/** What KMS puts on a key that is created without a policy: IAM decides. */
export function defaultKeyPolicy({ accountId }: Estate): string {
  const root = { AWS: `arn:aws:iam::${accountId}:root` };
  const statement = { Sid: 'Enable IAM policies', Effect: 'Allow', Principal: root, Action: 'kms:*', Resource: '*' };
  return JSON.stringify({ Version: '2012-10-17', Id: 'key-default-1', Statement: [statement] });
}

/** Refuses what KMS refuses: unparsable and oversized documents, and principals that do not exist (yet). */
export function checkKeyPolicy(policy: string, principalExists: (arn: string) => boolean): void {
  if (Buffer.byteLength(policy) > POLICY_LIMIT) {
    throw new ServiceError('LimitExceededException', 'The key policy is longer than 32768 bytes');
  }
  for (const statement of statementsOf(policy)) {
    for (const principal of awsPrincipals(statement.Principal)) {
      if (/^(\*|\d{12}|arn:aws:iam::\d{12}:root)$/.test(principal) || principalExists(principal)) continue;
      throw malformed('Policy contains a statement with one or more invalid principals.');
    }
  }
}

interface Statement {
  readonly Effect?: unknown;
  readonly Principal?: unknown;
}

function statementsOf(policy: string): Statement[] {
  let document: unknown;
  try {
    document = JSON.parse(policy);
  } catch {
    throw malformed('The policy is not valid JSON');
  }
  const found = isRecord(document) ? document['Statement'] : undefined;
  const statements: unknown[] = Array.isArray(found) ? found : [found];
  if (!statements.every((statement): statement is Statement => isRecord(statement) && 'Effect' in statement)) {
    throw malformed('The policy has no valid statements');
  }
  return statements;
}

function awsPrincipals(principal: unknown): string[] {
  const named = isRecord(principal) ? principal['AWS'] : principal;
  return [named].flat().filter((value): value is string => typeof value === 'string');
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function malformed(message: string): ServiceError {
  return new ServiceError('MalformedPolicyDocumentException', message);
}
