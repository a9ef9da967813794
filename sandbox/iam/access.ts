import type { Services } from '../aws';
import type { Call, Estate, ServiceError } from '../aws/service';
import type { ContextRecord } from './context';
import type { Directory } from './directory';
import type { ResourcePolicy } from './evaluate';
import type { ServicePrincipal } from './principal';

/** One permission that a call needs. */
export interface AccessRequest {
  /** For example s3:PutObject. */
  readonly action: string;
  /** ARN, or * where the action has no resource. */
  readonly resource: string;
  /** Condition keys of the service; the global ones are added for every request. */
  readonly context?: ContextRecord;
  readonly policy?: ResourcePolicy | undefined;
  /** Service that asks in the caller's name, for example s3 [access_forward_access_sessions]. */
  readonly via?: string;
  /** Service that asks in its own name instead of the caller. */
  readonly by?: ServicePrincipal;
  /** Thing of a batch that is refused alone, while the call goes on. */
  readonly item?: string;
  /** The service's own words for the refusal. @default its AccessDenied error */
  refusal?(message: string): ServiceError;
}

/** What the requests of a service are made from. */
export interface Surroundings {
  readonly estate: Estate;
  readonly services: Services;
  readonly directory: Directory;
}

/** Permissions that a call needs, in the order in which they are asked for. */
export type AccessOf = (call: Call, surroundings: Surroundings) => readonly AccessRequest[];

/** Access of a service by operation. */
export type AccessTable = Readonly<Record<string, AccessOf>>;

/** A member of the input as text; empty when it is absent. */
export const text = ({ input }: Pick<Call, 'input'>, member: string): string => String(input[member] ?? '');

export const arn = ({ region, accountId }: Estate, service: string, resource: string): string =>
  `arn:aws:${service}:${region}:${accountId}:${resource}`;

/** Operations whose one action has their name. */
export const named = (
  prefix: string,
  operations: readonly string[],
  resourceOf: (call: Call, surroundings: Surroundings) => string,
  contextOf: (call: Call, surroundings: Surroundings) => ContextRecord = () => ({}),
): AccessTable =>
  Object.fromEntries(
    operations.map((operation) => [
      operation,
      (call: Call, surroundings: Surroundings) => [
        {
          action: `${prefix}:${operation}`,
          resource: resourceOf(call, surroundings),
          context: contextOf(call, surroundings),
        },
      ],
    ]),
  );

export const EVERYTHING = (): string => '*';
