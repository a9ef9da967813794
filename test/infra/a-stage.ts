import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { context } from '../../cdk.json';
import { STAGES, type Stage } from '../../infra/config';
import { addStage } from '../../infra/stage';

export interface Resource {
  readonly Type: string;
  readonly Properties: Record<string, unknown>;
  readonly DeletionPolicy?: string;
  readonly UpdateReplacePolicy?: string;
}

export interface SynthesizedStage {
  readonly data: Template;
  readonly lifecycle: Template;
  /** Resources of both stacks, by logical id. */
  readonly resources: Readonly<Record<string, Resource>>;
}

/** An app with one stage in it, without task code and without CDK's own checks, which nag.test.ts runs. */
export function anApp(stage: Stage, more: Record<string, unknown> = {}): App {
  return new App({
    context: { ...context, stage, bundle: false, ...more },
    builtinCloudFormationValidation: false,
    analyticsReporting: false,
  });
}

const synthesized = new Map<Stage, SynthesizedStage>();

/** The templates of a stage. */
export function aStage(stage: Stage): SynthesizedStage {
  const known = synthesized.get(stage);
  if (known !== undefined) return known;
  const stacks = addStage(anApp(stage));
  const data = Template.fromStack(stacks.data);
  const lifecycle = Template.fromStack(stacks.lifecycle);
  const resources = { ...data.toJSON()['Resources'], ...lifecycle.toJSON()['Resources'] } as Record<string, Resource>;
  const result = { data, lifecycle, resources };
  synthesized.set(stage, result);
  return result;
}

export const everyStage = STAGES.map((stage) => [stage] as const);

/** Properties of all resources of a type, by logical id. */
export const propertiesOf = ({ resources }: SynthesizedStage, type: string): [string, Record<string, unknown>][] =>
  Object.entries(resources)
    .filter(([, { Type }]) => Type === type)
    .map(([id, { Properties }]) => [id, Properties]);

export interface Statement {
  readonly Effect: string;
  readonly Action: string | readonly string[];
  readonly Resource?: unknown;
  readonly Principal?: unknown;
  readonly Condition?: Record<string, Record<string, unknown>>;
}

/** What the roles of a stage are allowed, one entry per statement. */
export function roleStatements(stage: SynthesizedStage): { readonly role: string; readonly statement: Statement }[] {
  return propertiesOf(stage, 'AWS::IAM::Role').flatMap(([, properties]) =>
    (properties['Policies'] as { PolicyDocument: { Statement: Statement[] } }[]).flatMap(({ PolicyDocument }) =>
      PolicyDocument.Statement.map((statement) => ({ role: String(properties['RoleName']), statement })),
    ),
  );
}

export const listed = <T>(value: T | readonly T[] | undefined): readonly T[] =>
  value === undefined ? [] : Array.isArray(value) ? (value as readonly T[]) : [value as T];
