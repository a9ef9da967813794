import { request } from 'node:http';
import { BedrockAgentClient, GetKnowledgeBaseCommand, ListKnowledgeBasesCommand } from '@aws-sdk/client-bedrock-agent';
import { CloudWatchLogsClient, DescribeLogGroupsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { CreateGrantCommand, CreateKeyCommand, KMSClient, ListKeysCommand } from '@aws-sdk/client-kms';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import type { Endpoint } from '../../../sandbox/aws/endpoint';
import { createKms } from '../../../sandbox/aws/kms';
import { type RestJsonService, ServiceError } from '../../../sandbox/aws/service';
import { anEstate, clientFor, startedEndpoint } from './an-estate';

const bedrock: RestJsonService = {
  protocol: 'rest-json',
  name: 'bedrock-agent',
  signingNames: ['bedrock'],
  timestampFormat: 'iso8601',
  routes: [
    { operation: 'GetKnowledgeBase', method: 'GET', path: '/knowledgebases/{knowledgeBaseId}' },
    { operation: 'ListKnowledgeBases', method: 'POST', path: '/knowledgebases/' },
  ],
  operations: {
    GetKnowledgeBase(input) {
      if (input.knowledgeBaseId === 'MISSING') {
        throw new ServiceError('ResourceNotFoundException', 'no such knowledge base', 404);
      }
      return { knowledgeBase: { knowledgeBaseId: input.knowledgeBaseId, createdAt: new Date('2026-01-02T03:04:05Z') } };
    },
    ListKnowledgeBases: (input) => ({ knowledgeBaseSummaries: [], nextToken: JSON.stringify(input) }),
  },
};

describe('Endpoint', () => {
  let endpoint: Endpoint;
  const denied = new Set<string>();
  const dead = new Set<string>();

  beforeAll(async () => {
    const estate = anEstate();
    endpoint = await startedEndpoint({
      estate,
      services: [createKms(estate).service, bedrock],
      callers: (accessKeyId) => ({ accessKeyId, ...(accessKeyId === 'AKIAFN' ? { functionName: 'provision' } : {}) }),
      authorize: (call) => {
        if (denied.has(call.operation)) throw new ServiceError('AccessDeniedException', 'not yours', 400);
        return call;
      },
      isDead: ({ accessKeyId }) => dead.has(accessKeyId),
      hostNames: ['sandbox.test'],
      control: {
        echo: (body) => ({ echo: body }),
        fail: () => Promise.reject(new Error('no')),
        'bells/list': () => ['big'],
        'bells/*': (_body, name) => ({ rang: name }),
      },
    });
  });
  beforeEach(() => {
    endpoint.calls.clear();
    denied.clear();
    dead.clear();
  });
  afterAll(() => endpoint.stop());

  it('routes REST JSON by the signed service and merges path and body into one input', async () => {
    const client = new BedrockAgentClient(clientFor(endpoint));

    const { knowledgeBase } = await client.send(new GetKnowledgeBaseCommand({ knowledgeBaseId: 'KB1' }));
    const { nextToken } = await client.send(new ListKnowledgeBasesCommand({ maxResults: 7 }));

    expect(knowledgeBase?.createdAt).toEqual(new Date('2026-01-02T03:04:05Z'));
    expect(nextToken).toBe('{"maxResults":7}');
  });

  it('frames errors of REST JSON so that the SDK knows their name and status', async () => {
    const client = new BedrockAgentClient(clientFor(endpoint));

    await expect(client.send(new GetKnowledgeBaseCommand({ knowledgeBaseId: 'MISSING' }))).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
      message: 'no such knowledge base',
      $metadata: { httpStatusCode: 404, requestId: expect.any(String) },
    });
  });

  it('refuses an operation it does not serve at the first try, names those it serves, and logs it', async () => {
    const kms = new KMSClient({ ...clientFor(endpoint), maxAttempts: 3 });

    const failure = await kms
      .send(new CreateGrantCommand({ KeyId: 'x', GranteePrincipal: 'y', Operations: ['Decrypt'] }))
      .catch((error: Error) => error);

    expect(failure).toMatchObject({ name: 'UnknownOperationException', message: expect.stringContaining('CreateKey') });
    expect(endpoint.calls.entries()).toMatchObject([
      { service: 'kms', operation: 'CreateGrant', outcome: 'UnknownOperationException' },
    ]);
  });

  it.each([
    ['JSON', () => new CloudWatchLogsClient(clientFor(endpoint)).send(new DescribeLogGroupsCommand({}))],
    ['query', () => new STSClient(clientFor(endpoint)).send(new GetCallerIdentityCommand({}))],
  ])('refuses a service it does not serve in the %s protocol', async (_, send) => {
    await expect(send()).rejects.toMatchObject({ name: 'UnknownOperationException', $metadata: { attempts: 1 } });
  });

  it('logs who called what with what outcome', async () => {
    const kms = new KMSClient(clientFor(endpoint, 'AKIAFN'));

    await kms.send(new CreateKeyCommand({ Description: 'mine' }));
    await kms.send(new CreateKeyCommand({ Policy: '{' })).catch(() => {});

    expect(endpoint.calls.entries()).toMatchObject([
      {
        service: 'kms',
        operation: 'CreateKey',
        functionName: 'provision',
        input: { Description: 'mine' },
        outcome: 'ok',
      },
      { outcome: 'MalformedPolicyDocumentException' },
    ]);
    expect(endpoint.calls.countBy('kms/CreateKey')).toBe(2);
  });

  it('asks for authorization before anything takes effect', async () => {
    const kms = new KMSClient(clientFor(endpoint));
    const { Keys: before } = await kms.send(new ListKeysCommand({}));
    denied.add('CreateKey');

    await expect(kms.send(new CreateKeyCommand({}))).rejects.toMatchObject({ name: 'AccessDeniedException' });

    expect((await kms.send(new ListKeysCommand({}))).Keys).toHaveLength(before?.length ?? -1);
  });

  it('leaves calls of a dead execution environment without effect and without answer', async () => {
    const kms = new KMSClient(clientFor(endpoint, 'AKIADEAD'));
    dead.add('AKIADEAD');
    const abort = new AbortController();
    const call = kms.send(new CreateKeyCommand({}), { abortSignal: abort.signal });
    setTimeout(() => abort.abort(), 100);

    await expect(call).rejects.toMatchObject({ name: 'AbortError' });
    expect(endpoint.calls.entries()).toMatchObject([{ operation: 'CreateKey', outcome: 'hang' }]);
  });

  it('serves control routes to JSON clients only', async () => {
    const post = (path: string, contentType = 'application/json', body = '{"a":1}') =>
      fetch(`${endpoint.url}/_sandbox/${path}`, { method: 'POST', headers: { 'content-type': contentType }, body });

    expect(await (await post('echo')).json()).toEqual({ echo: { a: 1 } });
    expect((await post('echo', 'text/plain')).status).toBe(415);
    expect((await post('fail')).status).toBe(400);
    expect((await post('constructor')).status).toBe(404);
    expect(await (await post('nothing')).json()).toEqual({
      message: 'No such route. There are: echo, fail, bells/list, bells/*',
    });
  });

  describe('with a web page in the browser of whoever runs it', () => {
    /** Like fetch, which would not let a Host or an Origin be chosen. */
    const statusFor = (headers: Record<string, string>, path = '/_sandbox/echo') =>
      new Promise((resolve, reject) => {
        const sent = request(`${endpoint.url}${path}`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', ...headers },
        });
        sent.on('response', (response) => resolve(response.resume().statusCode));
        sent.on('error', reject);
        sent.end('{}');
      });

    it.each([
      ['whose name was made to lead here', { host: 'rebound.example:4599' }],
      ['whose name only begins like one of this machine', { host: 'localhost.example' }],
      ['of another origin', { origin: 'https://page.example' }],
      ['of an origin that is not told', { origin: 'null' }],
      ['that embeds a call as a picture', { 'sec-fetch-site': 'cross-site' }],
    ])('answers no page %s, neither control routes nor calls', async (_, headers) => {
      const target = { 'x-amz-target': 'TrentService.CreateKey' };

      expect([await statusFor(headers), await statusFor({ ...headers, ...target }, '/')]).toEqual([403, 403]);
      expect(endpoint.calls.entries()).toEqual([]);
    });

    it.each([
      ['localhost', { host: 'localhost:4599' }],
      ['a bucket’s name before it', { host: 'bucket.localhost:4599' }],
      ['the IPv6 loopback address', { host: '[::1]:4599' }],
      ['a name that was allowed', { host: 'sandbox.test:4599' }],
      ['a local application', { origin: 'http://localhost:3000', 'sec-fetch-site': 'same-site' }],
    ])('answers clients that call it by, or from, %s', async (_, headers) => {
      expect(await statusFor(headers)).toBe(200);
    });

    it('tells a client that calls it by another name how to have it allowed', async () => {
      const kms = new KMSClient(clientFor(endpoint));
      kms.middlewareStack.add(
        (next) => (args) => {
          (args.request as { headers: Record<string, string> }).headers['host'] = 'host.docker.internal:4599';
          return next(args);
        },
        { step: 'finalizeRequest', priority: 'low' },
      );

      await expect(kms.send(new ListKeysCommand({}))).rejects.toMatchObject({
        name: 'AccessDeniedException',
        message: expect.stringContaining('--allow-host'),
      });
    });
  });

  it('hands the end of the path to a control route whose name ends in *', async () => {
    const post = async (path: string) => {
      const headers = { 'content-type': 'application/json' };
      return (await fetch(`${endpoint.url}/_sandbox/${path}`, { method: 'POST', headers })).json();
    };

    expect(await post('bells/small')).toEqual({ rang: 'small' });
    expect(await post('bells/list')).toEqual(['big']);
    expect(await post('bells/small/one')).toMatchObject({ message: expect.stringContaining('No such route') });
  });

  it('answers a body that waits for 100-continue', async () => {
    const status = await new Promise((resolve, reject) => {
      const sent = request(`${endpoint.url}/_sandbox/echo`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', expect: '100-continue' },
      });
      sent.on('continue', () => sent.end('{}'));
      sent.on('response', (response) => resolve(response.statusCode));
      sent.on('error', reject);
      sent.flushHeaders();
    });

    expect(status).toBe(200);
  });

  it('answers unreadable JSON with SerializationException', async () => {
    const answer = await fetch(endpoint.url, {
      method: 'POST',
      headers: { 'x-amz-target': 'TrentService.CreateKey' },
      body: '{',
    });

    expect([answer.status, answer.headers.get('x-amzn-errortype')]).toEqual([400, 'SerializationException']);
  });

  it('stops at once, cutting the calls that still wait', async () => {
    const estate = anEstate();
    const other = await startedEndpoint({ estate, services: [createKms(estate).service], isDead: () => true });
    const waiting = new KMSClient(clientFor(other)).send(new ListKeysCommand({})).catch((error: Error) => error.name);
    while (other.calls.entries().length === 0) await new Promise((resolve) => setImmediate(resolve));

    await other.stop();

    expect(await waiting).toBe('TimeoutError');
  });
});
