import { type DeployedFunction, type FailureRecord, LocalFunctionHost } from '../../../sandbox/runtime/function-host';
import { VirtualClock } from '../../../sandbox/virtual-clock';
import { aBundle, removeBundles } from './a-bundle';

afterAll(removeBundles);

const now = { invocationType: 'RequestResponse', requestId: 'request-1' } as const;
const later = { invocationType: 'Event', requestId: 'request-1' } as const;

/** A host with one function, `task`, of the given code. */
function aHost(code: string, changes: Partial<DeployedFunction> = {}) {
  const clock = new VirtualClock();
  const lines: string[] = [];
  const letters: FailureRecord[] = [];
  const host = new LocalFunctionHost({
    clock,
    region: 'eu-central-1',
    endpointUrl: () => 'http://127.0.0.1:1',
    log: (group, stream, line) => lines.push(`${group} ${stream.replace(/[0-9a-f]{32}/, '…')} ${line}`),
  });
  const task: DeployedFunction = {
    name: 'task',
    arn: 'arn:aws:lambda:eu-central-1:111122223333:function:task',
    runtime: 'nodejs24.x',
    handler: 'index.handler',
    timeout: 30,
    memorySize: 256,
    roleArn: 'arn:aws:iam::111122223333:role/task',
    codeDirectory: aBundle(code),
    variables: {},
    logGroup: '/aws/lambda/task',
    ...changes,
  };
  host.deploy(task);
  host.configureEventInvoke('task', { onFailure: (letter) => letters.push(letter) });
  return { host, task, clock, lines, letters };
}

const ECHO = 'exports.handler = async (event, context) => ({ event, ...context })';
const COUNT = 'let calls = 0; exports.handler = async () => (calls += 1)';
/** Answers when the file-wide latch of that name is opened. */
const WAIT = `exports.handler = ({ name }) => new Promise((resolve) => { process.emit('waiting', name, resolve) })`;

function openLatches() {
  const latches = new Map<string, (answer: unknown) => void>();
  const listen = (name: string, open: (answer: unknown) => void) => void latches.set(name, open);
  process.on('waiting' as never, listen as never);
  return { latches, done: () => process.off('waiting' as never, listen as never) };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('an invocation', () => {
  it('passes event and answer as JSON', async () => {
    const { host } = aHost(ECHO);

    const answer = await host.invoke('task', { at: new Date(0), nothing: undefined }, now);

    expect(answer).toEqual({
      payload: { event: { at: '1970-01-01T00:00:00.000Z' }, awsRequestId: 'request-1', functionName: 'task' },
    });
  });

  it('reports what was thrown as the Node.js runtime does', async () => {
    const { host } = aHost(
      'class OddError extends Error { name = "OddError" }; exports.handler = async () => { throw new OddError("odd") }',
    );

    const answer = await host.invoke('task', {}, now);

    expect(answer).toEqual({
      error: { errorType: 'OddError', errorMessage: 'odd', trace: expect.arrayContaining(['OddError: odd']) },
    });
  });

  it('reports what is thrown and no error', async () => {
    const { host } = aHost('exports.handler = async () => { throw "text" }');

    const answer = await host.invoke('task', {}, now);

    expect(answer).toEqual({ error: { errorType: 'Error', errorMessage: 'text' } });
  });

  it('of a function that is not deployed is an error of the caller', async () => {
    const { host } = aHost(ECHO);

    await expect(host.invoke('other', {}, now)).rejects.toThrow('no function other is deployed');
  });

  it('logs to the function’s group, one stream per environment', async () => {
    const { host, lines } = aHost('exports.handler = async () => console.log("hello")');

    await host.invoke('task', {}, now);

    expect(lines).toEqual(['/aws/lambda/task task/[$LATEST]… hello']);
  });

  it('signs with a key that tells the function', async () => {
    const { host } = aHost('exports.handler = async () => process.env.AWS_ACCESS_KEY_ID');

    const answer = await host.invoke('task', {}, now);

    const accessKeyId = 'payload' in answer ? String(answer.payload) : '';
    expect(host.callerOf(accessKeyId)).toEqual({
      accessKeyId,
      functionName: 'task',
      roleArn: 'arn:aws:iam::111122223333:role/task',
    });
    expect(host.callerOf('somebody')).toEqual({ accessKeyId: 'somebody' });
  });
});

describe('execution environments', () => {
  it('are kept warm', async () => {
    const { host } = aHost(COUNT);
    await host.invoke('task', {}, now);

    const answer = await host.invoke('task', {}, now);

    expect(answer).toEqual({ payload: 2 });
  });

  it('go with what they were made from when the function is deployed anew', async () => {
    const { host, task } = aHost('exports.handler = async () => process.env.LIMIT', { variables: { LIMIT: '1' } });
    await host.invoke('task', {}, now);
    host.deploy({ ...task, variables: { LIMIT: '2' } });

    const answer = await host.invoke('task', {}, now);

    expect(answer).toEqual({ payload: '2' });
  });

  it('serve one invocation each; those that find none wait for one', async () => {
    const { host } = aHost(WAIT);
    const { latches, done } = openLatches();
    const names = ['a', 'b', 'c', 'd', 'e'];
    const answers = names.map((name) => host.invoke('task', { name }, now));
    await turn();
    const atOnce = [...latches.keys()];

    for (const name of names) {
      while (!latches.has(name)) await turn();
      latches.get(name)?.(name);
    }

    expect(atOnce.length).toBeLessThan(names.length);
    expect(await Promise.all(answers)).toEqual(names.map((payload) => ({ payload })));
    done();
  });

  it('that die leave their place to a cold start', async () => {
    const { host } = aHost(COUNT);
    for (let death = 0; death < 10; death += 1) {
      host.failNext('task', 'crash after the handler');
      await host.invoke('task', {}, now);
    }

    const answer = await host.invoke('task', {}, now);

    expect(answer).toEqual({ payload: 1 });
  });
});

describe('a fault of an invocation', () => {
  const CRASHED = { error: expect.objectContaining({ errorType: 'Runtime.ExitError' }) };

  it.each([
    ['crash before the handler', false, CRASHED],
    ['crash after the handler', true, CRASHED],
    [
      'timeout after the handler',
      true,
      {
        error: expect.objectContaining({
          errorType: 'Sandbox.Timedout',
          errorMessage: expect.stringContaining('30.00'),
        }),
      },
    ],
  ] as const)('%s: the environment is gone, the next invocation goes well', async (fault, ran, failure) => {
    const { host, lines } = aHost(
      'let calls = 0; exports.handler = async () => { console.log("ran"); return (calls += 1) }',
    );
    await host.invoke('task', {}, now);
    host.failNext('task', fault);
    lines.length = 0;

    const failed = await host.invoke('task', {}, now);
    const written = [...lines];
    const next = await host.invoke('task', {}, now);

    expect(failed).toEqual(failure);
    expect(written).toHaveLength(ran ? 1 : 0);
    expect(next).toEqual({ payload: 1 });
  });

  it('strikes that function alone', async () => {
    const { host, task } = aHost(COUNT);
    host.deploy({ ...task, name: 'other' });
    host.failNext('task', 'crash before the handler');

    const answer = await host.invoke('other', {}, now);

    expect(answer).toEqual({ payload: 1 });
  });

  it('between two invocations, by a call that the first has left behind: the next one gets a living environment', async () => {
    const { host } = aHost(
      'let calls = 0; exports.handler = async () => [process.env.AWS_ACCESS_KEY_ID, (calls += 1)]',
    );
    const { payload } = (await host.invoke('task', {}, now)) as { payload: [string, number] };

    host.crash({ accessKeyId: payload[0] });

    expect(await host.invoke('task', {}, now)).toEqual({ payload: [expect.not.stringMatching(payload[0]), 1] });
  });

  it('in the middle: the invocation ends at once, and the environment is known to be dead', async () => {
    const { host } = aHost(
      `exports.handler = () => new Promise(() => { process.emit('waiting', process.env.AWS_ACCESS_KEY_ID) })`,
    );
    const { latches, done } = openLatches();
    const invoked = host.invoke('task', {}, now);
    await turn();
    const [accessKeyId = ''] = latches.keys();

    host.crash({ accessKeyId });

    expect(await invoked).toEqual(CRASHED);
    expect(host.isDead({ accessKeyId })).toBe(true);
    done();
  });
});

describe('an asynchronous invocation', () => {
  it('is answered at once and settles later', async () => {
    const { host, lines } = aHost('exports.handler = async (event) => console.log(event.text)');

    const answer = await host.invoke('task', { text: 'done' }, later);
    await host.settled();

    expect(answer).toEqual({ payload: null });
    expect(lines).toEqual([expect.stringContaining('done')]);
  });

  it('is tried again after one and after two minutes', async () => {
    const { host, clock, lines, letters } = aHost(
      'exports.handler = async () => { console.log(new Date().toISOString()); throw new Error("no") }',
    );
    const began = clock.now();

    await host.invoke('task', { text: 'lost' }, later);
    await host.settled();

    const minutes = lines.map((line) => (Date.parse(line.split(' ').at(-1) ?? '') - began) / 60_000);
    expect(minutes).toEqual([0, 1, 3]);
    expect(letters).toMatchObject([{ requestPayload: { text: 'lost' }, responsePayload: { errorMessage: 'no' } }]);
  });

  it('that goes well in the end leaves no dead letter', async () => {
    const { host, letters } = aHost(ECHO);
    host.failNext('task', 'crash before the handler');
    host.failNext('task', 'timeout after the handler');

    await host.invoke('task', {}, later);
    await host.settled();

    expect(letters).toEqual([]);
  });
});
