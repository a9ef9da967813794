import { join } from 'node:path';

/** Where the global setup synthesizes the app once for all tests. */
export const ASSEMBLY = join(__dirname, '../../build/test-assembly');
