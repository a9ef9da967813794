import validate from 'asl-validator';
import { CHOICE_OPERATORS } from './choice';
import {
  InvalidDefinitionError,
  LAMBDA_INVOKE,
  type StateMachineDefinition,
  type StateType,
  UnsupportedDefinitionError,
} from './definition';
import { parseExpression } from './intrinsics';
import { parsePath, UnsupportedExpressionError } from './paths';
import { checkTemplate } from './templates';

type Node = Readonly<Record<string, unknown>>;

const MACHINE_FIELDS = ['Comment', 'QueryLanguage', 'StartAt', 'States', 'TimeoutSeconds', 'Version'];
const COMMON = ['Type', 'Comment', 'QueryLanguage', 'InputPath', 'OutputPath'];
const RESULT = ['Next', 'End', 'ResultPath', 'ResultSelector', 'Parameters'];
const HANDLING = ['Retry', 'Catch'];
const STATE_FIELDS: Readonly<Record<StateType, readonly string[]>> = {
  Task: [...COMMON, ...RESULT, ...HANDLING, 'Resource', 'TimeoutSeconds', 'TimeoutSecondsPath'],
  Choice: [...COMMON, 'Choices', 'Default'],
  Wait: [...COMMON, 'Next', 'End', 'Seconds', 'SecondsPath', 'Timestamp', 'TimestampPath'],
  Pass: [...COMMON, 'Next', 'End', 'ResultPath', 'Parameters', 'Result'],
  Succeed: COMMON,
  Fail: ['Type', 'Comment', 'QueryLanguage', 'Error', 'ErrorPath', 'Cause', 'CausePath'],
  Parallel: [...COMMON, ...RESULT, ...HANDLING, 'Branches'],
  Map: [
    ...[...COMMON, ...RESULT, ...HANDLING, 'ItemProcessor', 'ItemsPath', 'ItemSelector', 'MaxConcurrency', 'Label'],
    ...['ToleratedFailureCount', 'ToleratedFailurePercentage'],
  ],
};
const RETRIER_FIELDS = [
  'ErrorEquals',
  'IntervalSeconds',
  'MaxAttempts',
  'BackoffRate',
  'MaxDelaySeconds',
  'JitterStrategy',
  'Comment',
];
const CATCHER_FIELDS = ['ErrorEquals', 'ResultPath', 'Next', 'Comment'];
const INVOKE_PARAMETERS = ['FunctionName', 'FunctionName.$', 'Payload', 'Payload.$'];
const LAMBDA_ARN = /^arn:[\w-]+:lambda:[\w-]+:\d{12}:function:[\w-]+(:[\w$-]+)?$/;
const PATH_FIELDS = [
  'InputPath',
  'OutputPath',
  'ResultPath',
  'ItemsPath',
  'SecondsPath',
  'TimestampPath',
  'TimeoutSecondsPath',
];
const EXPRESSION_FIELDS = ['ErrorPath', 'CausePath'];
const TEMPLATE_FIELDS = ['Parameters', 'ResultSelector', 'ItemSelector'];

/** Definitions that passed: validation takes about 0.1 s, because the validator compiles its schemas each time. */
const validated = new Set<string>();

/** Parses and checks a definition once, so that nothing in it can be silently ignored while it runs. */
export function loadDefinition(json: string): StateMachineDefinition {
  const definition = parseObject(json);
  if (!validated.has(json)) {
    checkMachine(definition);
    const validation = validate(parseObject(json), { checkPaths: true, checkArn: true });
    if (!validation.isValid) throw new InvalidDefinitionError(validation.errorsText('; '));
    validated.add(json);
  }
  return definition as unknown as StateMachineDefinition;
}

function parseObject(json: string): Node {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw new InvalidDefinitionError('the definition is not JSON', { cause: error });
  }
  return node(value, 'the definition');
}

function node(value: unknown, what: string): Node {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Node;
  throw new InvalidDefinitionError(`${what} must be an object`);
}

function list(value: unknown, what: string): readonly Node[] {
  if (Array.isArray(value)) return value.map((item) => node(item, `each of ${what}`));
  throw new InvalidDefinitionError(`${what} must be an array`);
}

function checkMachine(machine: Node): void {
  refuseUnknown(undefined, machine, MACHINE_FIELDS);
  refuseJsonata(undefined, machine);
  checkSequence(machine, 'the state machine');
}

function checkSequence(sequence: Node, what: string): void {
  for (const [name, state] of Object.entries(node(sequence['States'], `States of ${what}`))) {
    checkState(name, node(state, `state '${name}'`));
  }
}

function checkState(name: string, state: Node): void {
  const type = String(state['Type']);
  if (!Object.hasOwn(STATE_FIELDS, type)) throw new UnsupportedDefinitionError(name, 'Type', `unknown type ${type}`);
  refuseJsonata(name, state);
  refuseUnknown(name, state, STATE_FIELDS[type as StateType]);
  for (const field of PATH_FIELDS) {
    const path = state[field];
    if (typeof path === 'string') expression(name, field, () => parsePath(path));
  }
  for (const field of EXPRESSION_FIELDS) {
    const source = state[field];
    if (typeof source === 'string') expression(name, field, () => parseExpression(source));
  }
  for (const field of TEMPLATE_FIELDS) expression(name, field, () => checkTemplate(state[field]));
  checkHandling(name, state);
  if (type === 'Task') checkTask(name, state);
  if (type === 'Choice') for (const rule of list(state['Choices'], `Choices of '${name}'`)) checkRule(name, rule, true);
  if (type === 'Map') checkMap(name, state);
  if (type === 'Parallel') {
    for (const branch of list(state['Branches'], `Branches of '${name}'`)) {
      refuseUnknown(name, branch, ['StartAt', 'States', 'Comment'], 'Branches.');
      checkSequence(branch, `a branch of '${name}'`);
    }
  }
}

function checkTask(name: string, state: Node): void {
  const resource = String(state['Resource']);
  if (resource === LAMBDA_INVOKE) {
    const parameters = node(state['Parameters'] ?? {}, `Parameters of '${name}'`);
    refuseUnknown(name, parameters, INVOKE_PARAMETERS, 'Parameters.');
    if (!('FunctionName' in parameters) && !('FunctionName.$' in parameters)) {
      throw new UnsupportedDefinitionError(name, 'Parameters', 'FunctionName is missing');
    }
  } else if (!LAMBDA_ARN.test(resource)) {
    throw new UnsupportedDefinitionError(name, 'Resource', `only Lambda functions run here, not ${resource}`);
  }
}

function checkMap(name: string, state: Node): void {
  const processor = node(state['ItemProcessor'], `ItemProcessor of '${name}'`);
  refuseUnknown(name, processor, ['StartAt', 'States', 'Comment', 'ProcessorConfig'], 'ItemProcessor.');
  const config = node(processor['ProcessorConfig'] ?? {}, `ProcessorConfig of '${name}'`);
  refuseUnknown(name, config, ['Mode', 'ExecutionType'], 'ItemProcessor.ProcessorConfig.');
  if (config['ExecutionType'] === 'EXPRESS') {
    throw new UnsupportedDefinitionError(name, 'ItemProcessor.ProcessorConfig.ExecutionType', 'no express executions');
  }
  if (config['Mode'] !== 'DISTRIBUTED') {
    for (const field of ['Label', 'ToleratedFailureCount', 'ToleratedFailurePercentage']) {
      if (field in state) throw new UnsupportedDefinitionError(name, field, 'only for mode DISTRIBUTED');
    }
  }
  checkSequence(processor, `the item processor of '${name}'`);
}

function checkRule(name: string, rule: Node, outermost: boolean): void {
  const inner = [
    ...(rule['And'] === undefined ? [] : list(rule['And'], 'And')),
    ...(rule['Or'] === undefined ? [] : list(rule['Or'], 'Or')),
  ];
  if (rule['Not'] !== undefined) inner.push(node(rule['Not'], 'Not'));
  for (const each of inner) checkRule(name, each, false);
  const operators = Object.keys(rule).filter((key) => !['Next', 'Comment', 'Variable'].includes(key));
  const unknown = operators.find((key) => !['And', 'Or', 'Not'].includes(key) && !CHOICE_OPERATORS.has(key));
  if (unknown !== undefined) throw new UnsupportedDefinitionError(name, `Choices.${unknown}`, 'unknown operator');
  if (operators.length !== 1) throw new UnsupportedDefinitionError(name, 'Choices', 'one operator per rule');
  if (outermost !== 'Next' in rule)
    throw new UnsupportedDefinitionError(name, 'Choices.Next', 'only outermost rules have one');
  const paths = [rule['Variable'], ...operators.filter((key) => key.endsWith('Path')).map((key) => rule[key])];
  for (const path of paths) if (typeof path === 'string') expression(name, 'Choices', () => parsePath(path));
}

/** Includes three rules of AWS that asl-validator does not know. */
function checkHandling(name: string, state: Node): void {
  for (const [field, known] of [
    ['Retry', RETRIER_FIELDS],
    ['Catch', CATCHER_FIELDS],
  ] as const) {
    const handlers = state[field] === undefined ? [] : list(state[field], `${field} of '${name}'`);
    handlers.forEach((handler, index) => {
      refuseUnknown(name, handler, known, `${field}.`);
      const errors = handler['ErrorEquals'];
      const wildcard = Array.isArray(errors) && errors.includes('States.ALL');
      if (wildcard && (errors.length > 1 || index < handlers.length - 1)) {
        throw new UnsupportedDefinitionError(name, `${field}.ErrorEquals`, 'States.ALL must stand alone and last');
      }
      const { IntervalSeconds: interval = 1, MaxDelaySeconds: most } = handler;
      if (typeof most === 'number' && most <= Number(interval)) {
        throw new UnsupportedDefinitionError(name, `${field}.MaxDelaySeconds`, 'must exceed IntervalSeconds');
      }
      const path = handler['ResultPath'];
      if (typeof path === 'string') expression(name, `${field}.ResultPath`, () => parsePath(path));
    });
  }
}

function refuseJsonata(name: string | undefined, owner: Node): void {
  const language = owner['QueryLanguage'];
  if (language === undefined || language === 'JSONPath') return;
  throw new UnsupportedDefinitionError(name, 'QueryLanguage', `only JSONPath runs here, not ${String(language)}`);
}

function refuseUnknown(name: string | undefined, owner: Node, known: readonly string[], prefix = ''): void {
  const unknown = Object.keys(owner).find((field) => !known.includes(field));
  if (unknown !== undefined)
    throw new UnsupportedDefinitionError(name, prefix + unknown, 'the engine does not know it');
}

function expression(name: string, field: string, check: () => unknown): void {
  try {
    check();
  } catch (error) {
    if (!(error instanceof UnsupportedExpressionError)) throw error;
    throw new UnsupportedDefinitionError(name, field, error.message);
  }
}
