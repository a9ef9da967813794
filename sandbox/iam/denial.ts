import { ServiceError } from '../aws/service';
import type { Decision } from './evaluate';
import { type Asked, actionMatched, coversResource, type Statement, unmet } from './policy';
import { arnOf, type Principal } from './principal';

/** What the call log says of a call that IAM refused. */
export interface Denial {
  /** ARN of the session, or the service. */
  readonly principal: string;
  readonly action: string;
  readonly resource: string;
  readonly reason: string;
  /** The statement that is missing, or that denies. */
  readonly statement: string;
}

/** A service's AccessDenied error, with what led to it. */
export class AccessDenied extends ServiceError {
  constructor(
    code: string,
    message: string,
    status: number,
    readonly denial: Denial,
  ) {
    super(code, message, status);
  }
}

type Refused = Extract<Decision, { allowed: false }>;

/** AWS's words, as far as they go, and then which statement it takes. */
export function explain(asked: Asked, principal: Principal, decision: Refused): { denial: Denial; message: string } {
  const { action, resource } = asked;
  const who = arnOf(principal);
  const because = {
    'explicit deny': `with an explicit deny in ${decision.by?.policy}`,
    'identity policy': `because no identity-based policy allows the ${action} action`,
    'resource policy': `because no resource-based policy allows the ${action} action`,
    'session policy': `because no session policy allows the ${action} action`,
  }[decision.reason];
  const statement =
    decision.by === undefined
      ? JSON.stringify({ Effect: 'Allow', Action: action, Resource: resource })
      : `${decision.by.policy}, statement ${decision.by.label}`;
  const hint =
    decision.by === undefined ? `missing ${statement}${nearMisses(asked, principal)}` : `denied by ${statement}`;
  return {
    denial: { principal: who, action, resource, reason: decision.reason, statement },
    message: `User: ${who} is not authorized to perform: ${action} on resource: ${resource} ${because}. In the sandbox: ${hint}`,
  };
}

/** Statements that name the action and do not apply: most refusals are one of them, slightly off. */
function nearMisses(asked: Asked, principal: Principal): string {
  if (!('policies' in principal)) return '';
  const near = principal.policies
    .flatMap(({ statements }) => statements)
    .filter((statement) => statement.effect === 'Allow' && actionMatched(statement, asked) !== undefined);
  return near
    .map((statement) => `; ${statement.policy}, statement ${statement.label}, ${shortfall(statement, asked)}`)
    .join('');
}

function shortfall(statement: Statement, asked: Asked): string {
  if (!coversResource(statement, asked)) return 'allows it on another resource';
  const conditions = unmet(statement, asked).map(
    ({ operator, key, values }) =>
      `${operator} ${key} ${values.join(' or ')} (is ${asked.context.get(key.toLowerCase())?.join(', ') ?? 'absent'})`,
  );
  return conditions.length === 0 ? 'allows it' : `allows it only if ${conditions.join(' and ')}`;
}

/** The error's name and status as each service has them; JSON and REST JSON services are alike. */
export function deniedBy(service: string): { readonly code: string; readonly status: number } {
  if (IN_XML.has(service)) return { code: 'AccessDenied', status: 403 };
  switch (service) {
    case 'lambda':
    case 'opensearch':
    case 'bedrock-agent':
    case 'bedrock-agent-runtime':
      return { code: 'AccessDeniedException', status: 403 };
    default:
      return { code: 'AccessDeniedException', status: 400 };
  }
}

const IN_XML = new Set(['s3', 'sts', 'cloudformation']);

/** Credentials of a session that is over, or of none that there is. */
export function rejectedToken(service: string, state: 'expired' | 'unknown'): ServiceError {
  const inXml = IN_XML.has(service);
  return state === 'expired'
    ? new ServiceError(
        inXml ? 'ExpiredToken' : 'ExpiredTokenException',
        'The security token included in the request is expired',
        inXml ? 403 : 400,
      )
    : new ServiceError(
        inXml ? 'InvalidClientTokenId' : 'UnrecognizedClientException',
        'The security token included in the request is invalid.',
        inXml ? 403 : 400,
      );
}
