export interface PositionalPage<Item> {
  readonly items: Item[];
  /** Token of the next page, if there is one. */
  readonly next?: string;
}

/**
 * Cuts one page. The token is a position, so pages shift while items are deleted between two calls: the harsher of the
 * two behaviours, for services that promise no better, and the one that a purge loop has to survive.
 */
export function pageByPosition<Item>(
  items: readonly Item[],
  { limit, token }: { readonly limit: number; readonly token: string | undefined },
  invalidToken: () => Error,
): PositionalPage<Item> {
  const start = token === undefined ? 0 : decode(token, invalidToken);
  const end = start + limit;
  const page = items.slice(start, end);
  return end < items.length ? { items: page, next: Buffer.from(`from:${end}`).toString('base64url') } : { items: page };
}

function decode(token: string, invalidToken: () => Error): number {
  const position = /^from:(\d+)$/.exec(Buffer.from(token, 'base64url').toString('utf8'))?.[1];
  if (position === undefined) throw invalidToken();
  return Number(position);
}
