import { loadDefinition } from '../../../sandbox/engine/load';
import { aMachine, anInvoke, aTask } from './engine-under-test';

const load = (definition: object) => () => loadDefinition(JSON.stringify(definition));
const withTask = (fields: object) => aMachine({ Work: aTask('work', { End: true, ...fields }) });
const pass = { Type: 'Pass', End: true };
const choosing = (rule: object) => aMachine({ Work: { Type: 'Choice', Choices: [rule] }, Then: pass });

describe('loading a definition', () => {
  it.each([
    [
      "JSONata as the machine's language",
      aMachine({ Work: pass }, { QueryLanguage: 'JSONata' }),
      undefined,
      'QueryLanguage',
    ],
    ['JSONata in one state', aMachine({ Work: { ...pass, QueryLanguage: 'JSONata' } }), 'Work', 'QueryLanguage'],
    ['an unknown field of the machine', aMachine({ Work: pass }, { Mystery: 1 }), undefined, 'Mystery'],
    ['an unknown field of a state', withTask({ HeartbeatSeconds: 5 }), 'Work', 'HeartbeatSeconds'],
    ['variables', withTask({ Assign: { x: 1 } }), 'Work', 'Assign'],
    ['task tokens', withTask({ Resource: 'arn:aws:states:::lambda:invoke.waitForTaskToken' }), 'Work', 'Resource'],
    ['other services', withTask({ Resource: 'arn:aws:states:::sqs:sendMessage' }), 'Work', 'Resource'],
    [
      'asynchronous invocations',
      aMachine({ Work: anInvoke('f', { End: true, Parameters: { FunctionName: 'f', InvocationType: 'Event' } }) }),
      'Work',
      'Parameters.InvocationType',
    ],
    [
      'an invocation of nothing',
      aMachine({ Work: anInvoke('f', { End: true, Parameters: { Payload: {} } }) }),
      'Work',
      'Parameters',
    ],
    ['paths to many nodes', withTask({ InputPath: '$.list[*]' }), 'Work', 'InputPath'],
    [
      'unknown intrinsic functions',
      withTask({ Parameters: { 'x.$': "States.Hash('a', 'MD5')" } }),
      'Work',
      'Parameters',
    ],
    [
      'unknown choice operators',
      choosing({ Variable: '$.x', StringSortsBefore: 'a', Next: 'Then' }),
      'Work',
      'Choices.StringSortsBefore',
    ],
    [
      'two operators in one rule',
      choosing({ Variable: '$.x', IsNull: true, IsPresent: true, Next: 'Then' }),
      'Work',
      'Choices',
    ],
    [
      'Next inside And',
      choosing({ And: [{ Variable: '$.x', IsNull: true, Next: 'Then' }], Next: 'Then' }),
      'Work',
      'Choices.Next',
    ],
    ['an unknown field of a retrier', withTask({ Retry: [{ ErrorEquals: ['A'], Until: 1 }] }), 'Work', 'Retry.Until'],
    [
      'States.ALL that is not last',
      withTask({ Retry: [{ ErrorEquals: ['States.ALL'] }, { ErrorEquals: ['A'] }] }),
      'Work',
      'Retry.ErrorEquals',
    ],
    [
      'States.ALL beside another error',
      withTask({ Retry: [{ ErrorEquals: ['A', 'States.ALL'] }] }),
      'Work',
      'Retry.ErrorEquals',
    ],
    [
      'a maximum delay under the interval',
      withTask({ Retry: [{ ErrorEquals: ['A'], IntervalSeconds: 9, MaxDelaySeconds: 9 }] }),
      'Work',
      'Retry.MaxDelaySeconds',
    ],
    [
      'express child executions',
      aMachine({
        Work: {
          Type: 'Map',
          End: true,
          ItemProcessor: aMachine(
            { Each: pass },
            { ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'EXPRESS' } },
          ),
        },
      }),
      'Work',
      'ItemProcessor.ProcessorConfig.ExecutionType',
    ],
    [
      'reading items from elsewhere',
      aMachine({ Work: { Type: 'Map', End: true, ItemReader: {}, ItemProcessor: aMachine({ Each: pass }) } }),
      'Work',
      'ItemReader',
    ],
    [
      'tolerance of an inline Map',
      aMachine({ Work: { Type: 'Map', End: true, ToleratedFailureCount: 1, ItemProcessor: aMachine({ Each: pass }) } }),
      'Work',
      'ToleratedFailureCount',
    ],
    [
      'trouble inside a branch',
      aMachine({ Work: { Type: 'Parallel', End: true, Branches: [aMachine({ Inner: { ...pass, Mystery: 1 } })] } }),
      'Inner',
      'Mystery',
    ],
    ['an unknown type of state', aMachine({ Work: { Type: 'Sleep', End: true } }), 'Work', 'Type'],
  ])('refuses %s', (_what, definition, state, field) => {
    expect(load(definition)).toThrow(expect.objectContaining({ name: 'UnsupportedDefinitionError', state, field }));
  });

  it.each([
    ['a missing target', aMachine({ Work: { Type: 'Pass', Next: 'Nowhere' } })],
    ['a state without Next and End', aMachine({ Work: { Type: 'Pass' } })],
    ['an unreachable state', aMachine({ Work: pass, Island: pass })],
    ['no States', { StartAt: 'Work' }],
    ['an array of states', { StartAt: 'Work', States: [] }],
    ['Choices that are no list', aMachine({ Work: { Type: 'Choice', Choices: {} } })],
    [
      'a Wait of two durations',
      aMachine({ Work: { Type: 'Wait', Seconds: 1, Timestamp: '2030-01-01T00:00:00Z', End: true } }),
    ],
  ])('finds %s invalid', (_what, definition) => {
    expect(load(definition)).toThrow(expect.objectContaining({ name: 'InvalidDefinitionError' }));
  });

  it('finds text that is no JSON invalid', () => {
    expect(() => loadDefinition('{')).toThrow(expect.objectContaining({ name: 'InvalidDefinitionError' }));
  });

  it('leaves a definition as it is', () => {
    const definition = withTask({
      Comment: 'safe to repeat',
      TimeoutSeconds: 30,
      Retry: [{ ErrorEquals: ['A'], MaxAttempts: 0 }],
    });

    expect(load(definition)()).toEqual(definition);
  });
});
