import { ServiceError } from '../aws/service';

export interface Page<T> {
  readonly items: readonly T[];
  /** Where the next page starts; undefined on the last. */
  readonly nextToken?: string;
}

const DEFAULT_RESULTS = 100;
const MAX_RESULTS = 1000;

/** A page of items whose positions ascend. The token is a position, so what is added meanwhile shifts nothing. */
export function page<T>(
  items: readonly T[],
  position: (item: T) => number,
  { maxResults = 0, nextToken }: { readonly maxResults?: number; readonly nextToken?: string },
): Page<T> {
  if (!Number.isInteger(maxResults) || maxResults < 0 || maxResults > MAX_RESULTS) {
    throw new ServiceError('ValidationException', `maxResults must be between 0 and ${MAX_RESULTS}, got ${maxResults}`);
  }
  const after = nextToken === undefined ? Number.NEGATIVE_INFINITY : decodeToken(nextToken);
  const rest = items.filter((item) => position(item) > after);
  const found = rest.slice(0, maxResults || DEFAULT_RESULTS);
  const last = found.at(-1);
  if (last === undefined || found.length === rest.length) return { items: found };
  return { items: found, nextToken: Buffer.from(`after:${position(last)}`).toString('base64url') };
}

function decodeToken(token: string): number {
  const [, position] = /^after:(-?\d+)$/.exec(Buffer.from(token, 'base64url').toString()) ?? [];
  if (position === undefined) throw new ServiceError('InvalidToken', `Invalid Token: '${token}'`);
  return Number(position);
}
