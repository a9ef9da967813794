import type { HistoryEvent } from '@aws-sdk/client-sfn';
import { failureOf } from '../../../tasks/lifecycle/failure';
import { aHistory } from '../../support/history';

const FAILED = { status: 'FAILED', error: 'ThrottledError', cause: '{"errorMessage":"tenant acme: slow down"}' };

describe('failureOf', () => {
  it('finds step, error, message and attempt of a step that was tried several times', () => {
    const history = aHistory();
    history.entered('Claim tenant').scheduled().failed('ThrottledError').scheduled().failed('ThrottledError');

    expect(failureOf(history.newestFirst(), FAILED)).toEqual({
      step: 'Claim tenant',
      error: 'ThrottledError',
      message: 'tenant acme: slow down',
      attempt: 2,
    });
  });

  it('follows the failing branch, not its neighbours in the history', () => {
    const history = aHistory();
    const parallel = history.entered('Provision resources');
    const [one, other] = [parallel.branch(), parallel.branch()];
    one.entered('Provision vector index').scheduled();
    other.entered('Provision audit log').scheduled();
    one.failed('ThrottledError').scheduled();
    other.succeeded().exited('Provision audit log');
    one.failed('ThrottledError');
    other.entered('Provision something').scheduled();

    expect(failureOf(history.newestFirst(), FAILED)).toMatchObject({ step: 'Provision vector index', attempt: 2 });
  });

  it('counts from the last redrive and still names the step, which is not entered again', () => {
    const history = aHistory();
    history
      .entered('Verify tenant')
      .scheduled()
      .failed('ThrottledError')
      .ended()
      .redriven()
      .scheduled()
      .failed('ThrottledError');

    expect(failureOf(history.newestFirst(), FAILED)).toMatchObject({ step: 'Verify tenant', attempt: 1 });
  });

  it('counts from the last redrive in a branch, whose line does not lead through the redrive', () => {
    const history = aHistory();
    const branch = history.entered('Provision resources').branch();
    branch.entered('Provision user group').scheduled().failed('ThrottledError').scheduled().failed('ThrottledError');
    history.ended().redriven();
    branch.scheduled().failed('ThrottledError');

    expect(failureOf(history.newestFirst(), FAILED)).toMatchObject({ step: 'Provision user group', attempt: 1 });
  });

  it('tells a task that timed out', () => {
    const history = aHistory();
    history.entered('Provision encryption key').scheduled().timedOut();

    expect(failureOf(history.newestFirst(), { status: 'FAILED', error: 'States.Timeout' })).toMatchObject({
      step: 'Provision encryption key',
      error: 'States.Timeout',
      message: 'execution ended FAILED',
    });
  });

  it.each([
    ['ABORTED', 'Aborted'],
    ['TIMED_OUT', 'States.Timeout'],
  ])('names the state that an execution that %s stood in, not one whose failure was retried', (status, error) => {
    const history = aHistory();
    history
      .entered('Claim tenant')
      .scheduled()
      .failed('ThrottledError')
      .scheduled()
      .succeeded()
      .exited('Claim tenant')
      .entered('Wait for knowledge base');

    expect(failureOf(history.newestFirst(), { status })).toEqual({
      step: 'Wait for knowledge base',
      error,
      message: `execution ended ${status}`,
      attempt: 0,
    });
  });

  it('names the last state entered when the engine itself failed', () => {
    const history = aHistory();
    history.entered('Claim tenant').scheduled().succeeded().exited('Claim tenant').entered('Is knowledge base ready?');

    expect(
      failureOf(history.newestFirst(), { status: 'FAILED', error: 'States.Runtime', cause: 'No such path' }),
    ).toMatchObject({
      step: 'Is knowledge base ready?',
      message: 'No such path',
    });
  });

  it.each([
    ['{"errorType":"X","errorMessage":"said"}', 'said'],
    ['plain text', 'plain text'],
    ['{"other":1}', '{"other":1}'],
    ['{broken', '{broken'],
    ['null', 'null'],
  ])('reads the cause %j as %j', (cause, message) => {
    expect(failureOf([], { ...FAILED, cause }).message).toBe(message);
  });

  it('makes do with an empty or broken history', () => {
    const orphan: HistoryEvent = {
      id: 9,
      previousEventId: 8,
      timestamp: new Date(0),
      type: 'TaskFailed',
      taskFailedEventDetails: { resourceType: 'lambda', resource: 'invoke', error: 'ThrottledError' },
    };

    expect(failureOf([], FAILED)).toMatchObject({ step: 'unknown', attempt: 0 });
    expect(failureOf([orphan], FAILED)).toMatchObject({ step: 'unknown' });
  });
});
