import { type BusEvent, EventBus } from '../../sandbox/events';

const anEvent = (detail: object = { status: 'FAILED' }): BusEvent => ({
  version: '0',
  id: 'event-1',
  source: 'aws.states',
  'detail-type': 'Step Functions Execution Status Change',
  account: '111122223333',
  region: 'eu-central-1',
  time: '2030-01-01T00:00:00Z',
  resources: ['arn:aws:states:eu-central-1:111122223333:execution:onboard:one'],
  detail,
});

function delivered(pattern: Readonly<Record<string, unknown>>, event = anEvent()): number {
  const bus = new EventBus();
  let count = 0;
  bus.addRule({ name: 'rule', pattern, deliver: () => (count += 1) });
  bus.publish(event);
  return count;
}

describe('a rule', () => {
  it.each([
    ['one of several values', { detail: { status: ['SUCCEEDED', 'FAILED'] } }, 1],
    ['no value', { detail: { status: ['SUCCEEDED'] } }, 0],
    ['every member', { source: ['aws.states'], detail: { status: ['FAILED'] } }, 1],
    ['one member only', { source: ['aws.s3'], detail: { status: ['FAILED'] } }, 0],
    ['a member that is not there', { detail: { error: ['Odd'] } }, 0],
    ['one item of a list', { resources: [{ prefix: 'arn:aws:states' }] }, 1],
    ['a prefix', { detail: { status: [{ prefix: 'FAI' }] } }, 1],
    ['another prefix', { detail: { status: [{ prefix: 'AIL' }] } }, 0],
    ['anything but a value', { detail: { status: [{ 'anything-but': 'RUNNING' }] } }, 1],
    ['anything but its value', { detail: { status: [{ 'anything-but': ['RUNNING', 'FAILED'] }] } }, 0],
  ])('whose pattern names %s', (_what, pattern, count) => {
    expect(delivered(pattern)).toBe(count);
  });

  it('with a pattern that the sandbox does not know is refused loudly', () => {
    const odd = () => delivered({ detail: { status: [{ wildcard: 'F*' }] } });

    expect(odd).toThrow('does not know the event pattern {"wildcard":"F*"}');
  });
});

describe('an event', () => {
  it('reaches every rule it matches', () => {
    const bus = new EventBus();
    const told: string[] = [];
    for (const name of ['one', 'two']) bus.addRule({ name, pattern: {}, deliver: () => told.push(name) });

    bus.publish(anEvent());

    expect(told).toEqual(['one', 'two']);
  });

  it('can be lost, the next one not', () => {
    const bus = new EventBus();
    const told: object[] = [];
    bus.addRule({ name: 'rule', pattern: {}, deliver: ({ detail }) => told.push(detail) });
    bus.loseNext();

    bus.publish(anEvent({ status: 'FAILED' }));
    bus.publish(anEvent({ status: 'SUCCEEDED' }));

    expect(told).toEqual([{ status: 'SUCCEEDED' }]);
  });
});
