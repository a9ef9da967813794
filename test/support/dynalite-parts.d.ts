/** The parts of dynalite that its HTTP server is made of. Without the server, tables can stand behind an SDK mock. */
declare module 'dynalite/db' {
  export interface Store {
    readonly tableDb: { put(name: string, table: object, done: (error?: unknown) => void): void };
  }
  export function create(options: { createTableMs: number }): Store;
}

declare module 'dynalite/validations' {
  import type { Store } from 'dynalite/db';

  export function checkTypes(data: object, types: object): object;
  export function checkValidations(data: object, types: object, custom: unknown, store: Store): void;
}

declare module 'dynalite/validations/*' {
  export const types: object;
  export const custom: unknown;
}

declare module 'dynalite/actions/*' {
  import type { Store } from 'dynalite/db';

  function action(store: Store, data: object, done: (error: unknown, answer: Record<string, unknown>) => void): void;
  export = action;
}
