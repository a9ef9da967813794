import { aStage, propertiesOf } from '../infra/a-stage';

export interface State {
  readonly Type: string;
  readonly Comment?: string;
  readonly Next?: string;
  readonly End?: boolean;
  readonly Default?: string;
  readonly Choices?: readonly { readonly Next: string }[];
  readonly TimeoutSeconds?: number;
  readonly Retry?: readonly Retrier[];
  readonly Catch?: readonly { readonly Next: string }[];
  readonly Branches?: readonly Definition[];
  readonly Parameters?: { readonly FunctionName: string; readonly Payload: Record<string, unknown> };
}

export interface Retrier {
  readonly ErrorEquals: readonly string[];
  readonly MaxAttempts?: number;
  readonly MaxDelaySeconds?: number;
  readonly IntervalSeconds?: number;
  readonly BackoffRate?: number;
}

export interface Definition {
  readonly Comment?: string;
  readonly StartAt: string;
  readonly TimeoutSeconds?: number;
  readonly States: Readonly<Record<string, State>>;
}

/** The synthesized definition, its references replaced by ARNs that name what they refer to. */
export function synthesizedDefinition(): Definition {
  const stage = aStage('dev');
  const [[, machine] = ['', {}]] = propertiesOf(stage, 'AWS::StepFunctions::StateMachine');
  const { 'Fn::Join': join } = machine['DefinitionString'] as { 'Fn::Join': [string, (string | Reference)[]] };
  return JSON.parse(join[1].map((part) => (typeof part === 'string' ? part : resolved(part))).join('')) as Definition;

  function resolved(reference: Reference): string {
    if ('Ref' in reference) return 'aws';
    const name = stage.resources[reference['Fn::GetAtt'][0]]?.Properties['FunctionName'];
    return `arn:aws:lambda:eu-central-1:123456789012:function:${String(name)}`;
  }
}

type Reference = { readonly Ref: string } | { readonly 'Fn::GetAtt': readonly [string, string] };

/** All states with their names, those of branches too. */
export const statesOf = ({ States }: Definition): [string, State][] =>
  Object.entries(States).flatMap(([name, state]) => [
    [name, state] as [string, State],
    ...(state.Branches ?? []).flatMap(statesOf),
  ]);
