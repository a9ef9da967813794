import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';

const ROOT = join(__dirname, '../..');
const TASKS = join(ROOT, 'build/tasks');
const CLIENTS_ONLY = join(ROOT, 'build/bench');

/** Cold starts per file; the fastest counts, because noise only adds. */
const STARTS = 7;

export interface TaskCost {
  readonly task: string;
  readonly bytes: number;
  readonly coldRequireMs: number;
  /** The same SDK clients in a file that does nothing else. */
  readonly clientsOnlyMs: number;
  readonly ratio: number;
}

/**
 * What each bundle costs a cold start, beside a file that imports the same SDK clients and makes them. Starts of the two
 * files alternate, so that a busy machine slows both.
 * @param entries handler file below tasks/, by task name
 */
export function coldRequireTimes(entries: Readonly<Record<string, string>>): readonly TaskCost[] {
  mkdirSync(CLIENTS_ONLY, { recursive: true });
  return readdirSync(TASKS)
    .filter((task) => entries[task] !== undefined)
    .map((task) => {
      const own = join(TASKS, task, 'index.js');
      const baseline = bundleClients(task, clientsOf(entries[task] ?? ''));
      let [coldRequireMs, clientsOnlyMs] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
      for (let start = 0; start < STARTS; start += 1) {
        coldRequireMs = Math.min(coldRequireMs, requireTime(own));
        clientsOnlyMs = Math.min(clientsOnlyMs, requireTime(baseline));
      }
      return {
        task,
        bytes: statSync(own).size,
        coldRequireMs: round(coldRequireMs),
        clientsOnlyMs: round(clientsOnlyMs),
        ratio: round(coldRequireMs / clientsOnlyMs),
      };
    });
}

/** Names of the SDK clients that a handler imports, with all it imports; found in esbuild's own record of the bundle. */
function clientsOf(entry: string): readonly string[] {
  const { metafile } = buildSync({
    absWorkingDir: ROOT,
    entryPoints: [`tasks/${entry}.ts`],
    bundle: true,
    platform: 'node',
    mainFields: ['module', 'main'],
    write: false,
    metafile: true,
    outdir: 'unused',
  });
  const packages = Object.keys(metafile.inputs).flatMap(
    (input) => /node_modules\/(@aws-sdk\/(?:client-[\w-]+|lib-dynamodb))\//.exec(input)?.[1] ?? [],
  );
  return [...new Set(packages)].sort();
}

function bundleClients(task: string, packages: readonly string[]): string {
  const source = packages
    .flatMap((name, position) => {
      const client = clientClassOf(name);
      return client === undefined
        ? [
            `import * as module${position} from '${name}'; exports.m${position} = module${position}.DynamoDBDocumentClient;`,
          ]
        : [
            `import { ${client} as Client${position} } from '${name}'; exports.c${position} = new Client${position}({});`,
          ];
    })
    .join('\n');
  const entry = join(CLIENTS_ONLY, `${task}.ts`);
  const output = join(CLIENTS_ONLY, `${task}.js`);
  writeFileSync(entry, source);
  buildSync({
    absWorkingDir: ROOT,
    entryPoints: [entry],
    outfile: output,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    supported: { 'dynamic-import': false },
    mainFields: ['module', 'main'],
    minify: true,
    legalComments: 'none',
    logLevel: 'error',
  });
  return output;
}

/** The one class of a client package whose name ends in Client and that is no base class. */
function clientClassOf(name: string): string | undefined {
  if (!name.startsWith('@aws-sdk/client-')) return undefined;
  const types = readFileSync(join(ROOT, 'node_modules', name, 'package.json'), 'utf8');
  const directory = (JSON.parse(types) as { types: string }).types.replace(/index\.d\.ts$/, '');
  return readdirSync(join(ROOT, 'node_modules', name, directory)).flatMap(
    (file) => /^(\w+Client)\.d\.ts$/.exec(file)?.[1] ?? [],
  )[0];
}

function requireTime(file: string): number {
  const program = `const t = performance.now(); require(${JSON.stringify(file)}); process.stdout.write(String(performance.now() - t))`;
  const env = {
    ...process.env,
    AWS_REGION: 'us-east-1',
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
    POWERTOOLS_METRICS_NAMESPACE: 'bench',
  };
  return Number(execFileSync(process.execPath, ['-e', program], { env, encoding: 'utf8' }));
}

const round = (value: number): number => Math.round(value * 100) / 100;
