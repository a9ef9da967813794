import { ServiceError } from './service';

export interface Page<Item> {
  readonly items: Item[];
  /** Token of the next page, if there is one. */
  readonly next?: string;
}

/** Cuts one page. The token is the key of the last item, so a page stays right when items come and go between calls. */
export function pageOf<Item>(
  items: readonly Item[],
  keyOf: (item: Item) => string,
  { limit, token }: { readonly limit: number; readonly token: string | undefined },
  invalidToken: () => ServiceError = () => new ServiceError('InvalidParameterException', 'The token is not valid'),
): Page<Item> {
  const after = token === undefined ? undefined : decode(token, invalidToken);
  const rest = after === undefined ? items : items.filter((item) => keyOf(item) > after);
  const page = rest.slice(0, limit);
  const last = page.at(-1);
  if (last === undefined || rest.length <= limit) return { items: page };
  return { items: page, next: Buffer.from(`after:${keyOf(last)}`).toString('base64url') };
}

function decode(token: string, invalidToken: () => ServiceError): string {
  const text = Buffer.from(token, 'base64url').toString('utf8');
  if (!text.startsWith('after:')) throw invalidToken();
  return text.slice('after:'.length);
}
