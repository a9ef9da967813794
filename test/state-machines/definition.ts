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
  /** Of a Map. */
  readonly ItemProcessor?: Definition;
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
export function synthesizedDefinition(machineName = 'onboard-tenant'): Definition {
  const stage = aStage('dev');
  const machines = propertiesOf(stage, 'AWS::StepFunctions::StateMachine');
  const [, machine = {}] =
    machines.find(([, { StateMachineName }]) => String(StateMachineName).endsWith(machineName)) ?? [];
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
    ...[...(state.Branches ?? []), ...(state.ItemProcessor === undefined ? [] : [state.ItemProcessor])].flatMap(
      statesOf,
    ),
  ]);

/** Names of the tasks that the definition calls. */
export const functionsOf = (definition: Definition): ReadonlySet<string> =>
  new Set(
    statesOf(definition).flatMap(([, { Type, Parameters }]) =>
      Type !== 'Task' || Parameters === undefined
        ? []
        : [Parameters.FunctionName.replace(/^.*:tenant-lifecycle-[a-z]+-/, '')],
    ),
  );

/** Transitions of the longest way through, each state entered once. */
export function longest({ StartAt, States }: Definition): number {
  const from = (name: string | undefined, seen: readonly string[]): number => {
    const state = name === undefined || seen.includes(name) ? undefined : States[name];
    if (name === undefined || state === undefined) return 0;
    const inside = (state.Branches ?? []).reduce((sum, branch) => sum + longest(branch), 0);
    return 1 + inside + Math.max(0, ...next(state).map((following) => from(following, [...seen, name])));
  };
  return from(StartAt, []);
}

const next = ({ Next, Default, Choices = [] }: State): readonly string[] =>
  [Next, Default, ...Choices.map(({ Next: chosen }) => chosen)].filter((name) => name !== undefined);

/** States of the way that every choice's default takes, branches included. */
export function defaultPath({ StartAt, States }: Definition): readonly string[] {
  const path: string[] = [];
  let name: string | undefined = StartAt;
  while (name !== undefined && !path.includes(name)) {
    const state: State | undefined = States[name];
    path.push(name, ...(state?.Branches ?? []).flatMap(defaultPath));
    name = state?.Next ?? state?.Default;
  }
  return path;
}
