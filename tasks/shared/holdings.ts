import type { EnvironmentName, TaskEnvironment } from './contract';
import type { App } from './names';

/** Something that exists and whose name says which tenant it is for, whether or not there is such a tenant. */
export interface Holding {
  readonly tenantId: string;
  readonly physicalId: string;
}

/** Lists, page by page, all that a store holds for any tenant. */
export type ListHoldings<Names extends EnvironmentName> = (search: {
  readonly env: TaskEnvironment<Names>;
  readonly app: App;
}) => AsyncGenerator<Holding>;

/** What follows a prefix, if it is there. */
export const after = (prefix: string, text: string | undefined): string | undefined =>
  text?.startsWith(prefix) === true ? text.slice(prefix.length) : undefined;
