declare module 'dynalite' {
  import type { Server } from 'node:http';

  interface DynaliteOptions {
    /** Milliseconds a new table stays in CREATING. @default 500 */
    readonly createTableMs?: number;
    /** @default 500 */
    readonly deleteTableMs?: number;
    /** @default 500 */
    readonly updateTableMs?: number;
    /** Folder of a LevelDB store. @default in memory */
    readonly path?: string;
    /** Prints each request. @default false */
    readonly verbose?: boolean;
  }

  function dynalite(options?: DynaliteOptions): Server;
  export = dynalite;
}
