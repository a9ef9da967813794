import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

/** One resource of a CloudFormation template. */
export interface TemplateResource {
  readonly Type: string;
  readonly Properties?: Readonly<Record<string, unknown>>;
}

export interface Template {
  readonly Resources: Readonly<Record<string, TemplateResource>>;
  readonly Outputs?: Readonly<
    Record<string, { readonly Value: unknown; readonly Export?: { readonly Name: unknown } }>
  >;
  readonly Parameters?: Readonly<Record<string, { readonly Default?: unknown }>>;
  readonly Mappings?: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, unknown>>>>>>;
  readonly Conditions?: Readonly<Record<string, unknown>>;
}

export interface AssemblyStack {
  readonly name: string;
  readonly template: Template;
  /** Directory of a file asset by its hash, which templates use as S3 key. */
  readonly assets: ReadonlyMap<string, string>;
}

const Manifest = z.object({
  artifacts: z.record(
    z.string(),
    z.object({
      type: z.string(),
      properties: z.object({ templateFile: z.string().optional(), stackName: z.string().optional() }).optional(),
      dependencies: z.array(z.string()).optional(),
      displayName: z.string().optional(),
    }),
  ),
});

const Assets = z.object({
  files: z.record(z.string(), z.object({ source: z.object({ path: z.string().optional() }) })),
});

/** Reads a synthesized app (`cdk.out`), its stacks in the order of their dependencies. */
export function readAssembly(directory: string): readonly AssemblyStack[] {
  const manifestFile = join(directory, 'manifest.json');
  if (!existsSync(manifestFile))
    throw new Error(`${directory} holds no cloud assembly; synthesize the app first (npm run synth)`);
  const { artifacts } = Manifest.parse(JSON.parse(readFileSync(manifestFile, 'utf8')));
  const ordered: AssemblyStack[] = [];
  const visited = new Set<string>();
  const visit = (id: string): void => {
    const artifact = artifacts[id];
    if (artifact === undefined || visited.has(id)) return;
    visited.add(id);
    for (const dependency of artifact.dependencies ?? []) visit(dependency);
    const { templateFile, stackName = id } = artifact.properties ?? {};
    if (artifact.type !== 'aws:cloudformation:stack' || templateFile === undefined) return;
    const template = JSON.parse(readFileSync(join(directory, templateFile), 'utf8')) as Template;
    ordered.push({ name: stackName, template, assets: assetsOf(directory, templateFile) });
  };
  for (const id of Object.keys(artifacts)) visit(id);
  return ordered;
}

function assetsOf(directory: string, templateFile: string): ReadonlyMap<string, string> {
  const file = join(directory, templateFile.replace('.template.json', '.assets.json'));
  if (!existsSync(file)) return new Map();
  const { files } = Assets.parse(JSON.parse(readFileSync(file, 'utf8')));
  return new Map(
    Object.entries(files).flatMap(([hash, { source }]) =>
      source.path === undefined ? [] : [[hash, join(directory, source.path)] as const],
    ),
  );
}
