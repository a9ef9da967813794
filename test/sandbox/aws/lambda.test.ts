import {
  GetFunctionCommand,
  GetFunctionConfigurationCommand,
  InvokeCommand,
  type InvokeCommandInput,
  LambdaClient,
  ListFunctionsCommand,
} from '@aws-sdk/client-lambda';
import { createLambda, type FunctionHost, type InvokeOptions } from '../../../sandbox/aws/lambda';
import { ServiceError } from '../../../sandbox/aws/service';
import { anEstate, type Served, serve } from './serve';

const ARN = 'arn:aws:lambda:eu-central-1:123456789012:function:echo';

class FakeHost implements FunctionHost {
  readonly invocations: { name: string; payload: unknown; options: InvokeOptions }[] = [];
  next: () => ReturnType<FunctionHost['invoke']> = async () => ({ payload: this.invocations.at(-1)?.payload });

  async invoke(name: string, payload: unknown, options: InvokeOptions) {
    this.invocations.push({ name, payload, options });
    return await this.next();
  }

  functions() {
    return [{ name: 'echo', arn: ARN, runtime: 'nodejs24.x', handler: 'index.handler', timeout: 30, memorySize: 256 }];
  }
}

describe('Lambda in the sandbox', () => {
  let host: FakeHost;
  let served: Served;
  let client: LambdaClient;

  beforeEach(async () => {
    const estate = anEstate();
    host = new FakeHost();
    served = await serve(estate, createLambda(estate, host).service);
    client = new LambdaClient(served.client);
  });

  afterEach(async () => {
    client.destroy();
    await served.stop();
  });

  const invoke = (changes: Partial<InvokeCommandInput> = {}) =>
    client.send(new InvokeCommand({ FunctionName: 'echo', ...changes }));
  const json = (payload: Uint8Array | undefined) => JSON.parse(Buffer.from(payload ?? []).toString('utf8')) as unknown;

  it('invokes a function and answers its payload as it is', async () => {
    const { StatusCode, ExecutedVersion, FunctionError, Payload } = await invoke({
      Payload: Buffer.from('{"tenantId":"äcme"}'),
    });

    expect({ StatusCode, ExecutedVersion, FunctionError }).toEqual({
      StatusCode: 200,
      ExecutedVersion: '$LATEST',
      FunctionError: undefined,
    });
    expect(json(Payload)).toEqual({ tenantId: 'äcme' });
    expect(host.invocations).toMatchObject([{ name: 'echo', options: { invocationType: 'RequestResponse' } }]);
  });

  it('answers null for a function that returns nothing', async () => {
    host.next = async () => ({ payload: undefined });

    expect(json((await invoke()).Payload)).toBeNull();
  });

  it('reports an error of the code in the payload, not as an error of the call', async () => {
    const error = { errorType: 'TenantConflictError', errorMessage: 'taken', trace: ['TenantConflictError: taken'] };
    host.next = async () => ({ error });

    const { StatusCode, FunctionError, Payload } = await invoke();

    expect({ StatusCode, FunctionError }).toEqual({ StatusCode: 200, FunctionError: 'Unhandled' });
    expect(json(Payload)).toEqual(error);
  });

  it.each([ARN, `${ARN}:$LATEST`, '123456789012:function:echo', 'function:echo', 'echo:live'])(
    'takes %j for the function’s name',
    async (FunctionName) => {
      await invoke({ FunctionName });

      expect(host.invocations.map(({ name }) => name)).toEqual(['echo']);
    },
  );

  it('answers an event before the function has run', async () => {
    let finish: (() => void) | undefined;
    host.next = () => new Promise((resolve) => (finish = () => resolve({ payload: null })));

    const { StatusCode } = await invoke({ InvocationType: 'Event', Payload: Buffer.from('{"a":1}') });

    expect(StatusCode).toBe(202);
    expect(host.invocations).toMatchObject([{ payload: { a: 1 }, options: { invocationType: 'Event' } }]);
    finish?.();
  });

  it('runs nothing on a dry run', async () => {
    expect((await invoke({ InvocationType: 'DryRun' })).StatusCode).toBe(204);
    expect(host.invocations).toEqual([]);
  });

  it('hands the client context to the function', async () => {
    await invoke({ ClientContext: Buffer.from('{"custom":{"step":"x"}}').toString('base64') });

    expect(host.invocations).toMatchObject([{ options: { clientContext: { custom: { step: 'x' } } } }]);
  });

  it('refuses what is not JSON, what is too large and what nobody deployed', async () => {
    await expect(invoke({ Payload: Buffer.from('{') })).rejects.toMatchObject({
      name: 'InvalidRequestContentException',
    });
    await expect(
      invoke({ InvocationType: 'Event', Payload: Buffer.from(JSON.stringify('x'.repeat(1024 * 1024))) }),
    ).rejects.toMatchObject({ name: 'RequestTooLargeException', $metadata: { httpStatusCode: 413 } });
    await expect(invoke({ FunctionName: 'missing' })).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
      message: 'Function not found: arn:aws:lambda:eu-central-1:123456789012:function:missing',
      $metadata: { httpStatusCode: 404 },
    });
    expect(host.invocations).toEqual([]);
  });

  it('passes on that the host could not run the function', async () => {
    host.next = async () => {
      throw new ServiceError('TooManyRequestsException', 'Rate exceeded', 429, {
        Reason: 'ConcurrentInvocationLimitExceeded',
      });
    };

    await expect(invoke()).rejects.toMatchObject({
      name: 'TooManyRequestsException',
      $metadata: { httpStatusCode: 429 },
    });
  });

  it('describes and lists functions', async () => {
    const { Configuration } = await client.send(new GetFunctionCommand({ FunctionName: ARN }));
    const configuration = await client.send(new GetFunctionConfigurationCommand({ FunctionName: 'echo' }));
    const { Functions } = await client.send(new ListFunctionsCommand({}));

    const expected = { FunctionName: 'echo', FunctionArn: ARN, Handler: 'index.handler', Timeout: 30, MemorySize: 256 };
    expect(Configuration).toMatchObject(expected);
    expect(configuration).toMatchObject({ ...expected, State: 'Active' });
    expect(Functions).toMatchObject([expected]);
  });
});
