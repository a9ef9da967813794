import { App, Stack } from 'aws-cdk-lib';
import { type IFunction, Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { type IChainable, StateGraph } from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import type { FunctionOf } from '../state-machines/step';

/** A state of a synthesized definition, the members that a diagram shows. */
export interface State {
  readonly Type: string;
  readonly Next?: string;
  readonly End?: boolean;
  readonly Default?: string;
  readonly Choices?: readonly Rule[];
  readonly Branches?: readonly Definition[];
  readonly Parameters?: { readonly FunctionName?: string };
}

export interface Definition {
  readonly StartAt: string;
  readonly States: Readonly<Record<string, State>>;
}

type Rule = Readonly<Record<string, unknown>> & { readonly Next: string };

/** Builds a machine; see state-machines/. */
export type Machine = (scope: Construct, functionOf: FunctionOf) => IChainable;

/** The definition that a machine's code synthesizes to, without deploying anything: its functions are names only. */
export function definitionOf(machine: Machine): Definition {
  const stack = new Stack(new App(), 'Diagram');
  const functions = new Map<string, IFunction>();
  const functionOf: FunctionOf = ({ name }) => {
    // One function may stand behind several states.
    const known =
      functions.get(name) ??
      LambdaFunction.fromFunctionArn(stack, name, `arn:aws:lambda:us-east-1:000000000000:function:${name}`);
    functions.set(name, known);
    return known;
  };
  const { startState } = machine(stack, functionOf);
  return stack.resolve(new StateGraph(startState, 'machine').toGraphJson()) as Definition;
}

/** A Task state and the function behind it. */
export interface TaskState {
  readonly stateName: string;
  /** Name in the function's contract. */
  readonly functionName: string;
}

/** Task states in the order of the definition, those of parallel branches where the Parallel stands. */
export function taskStates({ States }: Definition): readonly TaskState[] {
  return Object.entries(States).flatMap(([stateName, { Type, Branches = [], Parameters }]) =>
    Type === 'Task'
      ? [{ stateName, functionName: Parameters?.FunctionName?.split(':').at(-1) ?? '' }]
      : Branches.flatMap(taskStates),
  );
}

/** Mermaid flowchart of a definition. */
export function mermaid(definition: Definition): string {
  return [
    'flowchart TD',
    `  started([start]) --> ${id(definition.StartAt)}`,
    ...linesOf(definition, '  '),
    ...ends(definition).map((name) => `  ${id(name)} --> ended([end])`),
  ].join('\n');
}

function linesOf({ States }: Definition, indent: string): readonly string[] {
  return Object.entries(States).flatMap(([name, state]) => [
    ...nodeOf(name, state, indent),
    ...edgesOf(state).map(([label, to]) => `${indent}${id(name)} -->${label === '' ? '' : `|${label}|`} ${id(to)}`),
  ]);
}

function nodeOf(name: string, { Type, Branches = [] }: State, indent: string): readonly string[] {
  switch (Type) {
    case 'Parallel':
    case 'Map':
      return [
        `${indent}subgraph ${id(name)} ["${name}, in parallel"]`,
        ...Branches.flatMap((branch) => linesOf(branch, `${indent}  `)),
        `${indent}end`,
      ];
    case 'Choice':
      return [`${indent}${id(name)}{"${name}"}`];
    case 'Wait':
      return [`${indent}${id(name)}[/"${name}"/]`];
    case 'Pass':
    case 'Succeed':
      return [`${indent}${id(name)}(["${name}"])`];
    default:
      return [`${indent}${id(name)}["${name}"]`];
  }
}

function edgesOf({ Next, Choices = [], Default }: State): readonly (readonly [label: string, to: string])[] {
  return [
    ...(Next === undefined ? [] : [['', Next] as const]),
    ...Choices.map((rule) => [conditionOf(rule), rule.Next] as const),
    ...(Default === undefined ? [] : [['otherwise', Default] as const]),
  ];
}

/** `$.knowledgeBase.output.ready` BooleanEquals false → `ready is false` */
function conditionOf(rule: Readonly<Record<string, unknown>>): string {
  for (const [combination, word] of [
    ['Or', ' or '],
    ['And', ' and '],
  ] as const) {
    const parts = rule[combination];
    if (Array.isArray(parts)) return parts.map(conditionOf).join(word);
  }
  const comparison = Object.keys(rule).find((member) => member.endsWith('Equals'));
  if (comparison === undefined) return 'condition';
  return `${String(rule['Variable']).split('.').at(-1)} is ${String(rule[comparison])}`;
}

const ends = ({ States }: Definition): readonly string[] =>
  Object.entries(States)
    .filter(([, { End }]) => End === true)
    .map(([name]) => name);

/** `Provision encryption key` → `provisionEncryptionKey`; mermaid ids hold letters only. */
const id = (name: string): string =>
  name
    .replace(/[^A-Za-z ]/g, '')
    .toLowerCase()
    .replace(/ (\w)/g, (_, letter: string) => letter.toUpperCase());
