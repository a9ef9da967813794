import { synthesize } from '../../sandbox/synthesize';
import { ASSEMBLY } from './assembly';

/** One synthesis, with bundles, for every test that runs the app. */
export default async function setup(): Promise<void> {
  await synthesize({ output: ASSEMBLY });
}
