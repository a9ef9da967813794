import { copyFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { buildSync } from 'esbuild';
import type { TaskContract } from '../../tasks/shared/contract';

const ROOT = join(__dirname, '../..');
/** One folder per task, with its index.js. */
export const BUNDLES = join(ROOT, 'build/tasks');

/** The policy engine reads its WebAssembly from beside the script it is in, which is the function's own once it is bundled. */
const CEDAR = '@cedar-policy/cedar-wasm/nodejs/cedar_wasm.js';
const CEDAR_WASM = require.resolve('@cedar-policy/cedar-wasm/nodejs').replace(/\.js$/, '_bg.wasm');
const besides = (output: string): string => join(ROOT, dirname(output), basename(CEDAR_WASM));

let bundled = false;

/**
 * Bundles all tasks in one esbuild pass, once per process. The output depends on the sources alone, so asset hashes are
 * stable. The SDK is bundled: the versions that were tested are the versions that run, and tree shaking halves them.
 * No source maps: reading one costs a cold start more than it tells, stack traces of minified code still name functions' files.
 */
export function bundleTasks(contracts: readonly Pick<TaskContract, 'name' | 'entry'>[]): void {
  if (bundled) return;
  const { metafile } = buildSync({
    absWorkingDir: ROOT,
    entryPoints: contracts.map(({ name, entry }) => ({ in: `tasks/${entry}.ts`, out: `${name}/index` })),
    outdir: BUNDLES,
    bundle: true,
    platform: 'node',
    // The oldest supported Node: bundles also run in the sandbox, on the developer's machine.
    target: 'node20',
    format: 'cjs',
    // One file holds everything, so a dynamic import() is only a slower require(); and the sandbox evaluates the file as a
    // script, where import() is experimental in Node 20.
    supported: { 'dynamic-import': false },
    // ES modules first: only they can be tree-shaken.
    mainFields: ['module', 'main'],
    alias: { semver: join(__dirname, 'no-semver.ts') },
    minify: true,
    legalComments: 'none',
    logLevel: 'warning',
    metafile: true,
  });
  for (const [output, { inputs }] of Object.entries(metafile.outputs))
    if (Object.keys(inputs).some((input) => input.endsWith(CEDAR))) copyFileSync(CEDAR_WASM, besides(output));
  bundled = true;
}
