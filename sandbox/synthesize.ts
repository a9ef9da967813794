import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const ROOT = join(__dirname, '..');

export interface SynthesisOptions {
  /** Directory of the cloud assembly. @default cdk.out */
  readonly output?: string;
  /** @default dev */
  readonly stage?: string;
  /** Further context, as `-c name=value` gives it. */
  readonly context?: Readonly<Record<string, unknown>>;
}

/**
 * Synthesizes the app as `cdk synth` does, without starting the CDK command line: the app itself, with the context that
 * cdk.json and the command line would give it.
 * @returns directory of the assembly, absolute
 */
export async function synthesize({
  output = join(ROOT, 'cdk.out'),
  stage = 'dev',
  context: further = {},
}: SynthesisOptions = {}): Promise<string> {
  const { context } = JSON.parse(readFileSync(join(ROOT, 'cdk.json'), 'utf8')) as { context?: object };
  try {
    await promisify(execFile)(process.execPath, ['--import', 'tsx', join(ROOT, 'infra/app.ts')], {
      cwd: ROOT,
      env: { ...process.env, CDK_OUTDIR: output, CDK_CONTEXT_JSON: JSON.stringify({ ...context, ...further, stage }) },
      maxBuffer: 16 * 1024 * 1024,
    });
  } catch (error) {
    const { stderr = '', stdout = '' } = error as { stderr?: string; stdout?: string };
    throw new Error(`the app does not synthesize for stage ${stage}:\n${stdout}${stderr}`, { cause: error });
  }
  return output;
}
