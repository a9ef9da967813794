import { ExecutionEnvironment } from '../../../sandbox/runtime/execution-environment';
import { VirtualClock } from '../../../sandbox/virtual-clock';
import { aBundle, removeBundles } from './a-bundle';

const START = Date.parse('2030-01-01T00:00:00Z');

afterAll(removeBundles);

function anEnvironment(code: string, { variables = {}, handler = 'index.handler' } = {}) {
  const clock = new VirtualClock({ start: START });
  const lines: string[] = [];
  const codeDirectory = aBundle(code);
  const load = () =>
    new ExecutionEnvironment({ codeDirectory, handler, variables, clock, log: (line) => lines.push(line) });
  return { clock, lines, load };
}

describe('the code of a function', () => {
  it('sees its own variables and none of the developer’s', async () => {
    process.env['OF_THE_DEVELOPER'] = 'secret';
    const { load } = anEnvironment(
      'exports.handler = async () => ({ ...process.env, ...require("node:process").env })',
      {
        variables: { TABLE: 'registry' },
      },
    );

    const seen = await load().run({}, {});

    delete process.env['OF_THE_DEVELOPER'];
    expect(seen).toEqual({ TABLE: 'registry' });
  });

  it('lives in virtual time', async () => {
    const { clock, load } = anEnvironment(
      'exports.handler = async () => [Date.now(), new Date().toISOString(), new Date(0).getTime(), new Date() instanceof Date]',
    );
    await clock.advance(1000);

    const told = await load().run({}, {});

    expect(told).toEqual([START + 1000, '2030-01-01T00:00:01.000Z', 0, true]);
  });

  it('writes its lines to its log, whichever way it writes', async () => {
    const { lines, load } = anEnvironment(
      'exports.handler = async () => { console.log("one\\ntwo"); process.stdout.write("three\\n"); console.error("four") }',
    );

    await load().run({}, {});

    expect(lines).toEqual(['one', 'two', 'three', 'four']);
  });

  it('is evaluated anew at each cold start', async () => {
    const { load } = anEnvironment('let calls = 0; exports.handler = async () => (calls += 1)');
    const first = load();
    await first.run({}, {});

    const counts = [await first.run({}, {}), await load().run({}, {})];

    expect(counts).toEqual([2, 1]);
  });

  it('requires what Node offers, but puts no hook on the promises of the sandbox', async () => {
    const { load } = anEnvironment(`
      const hooks = require('async_hooks');
      let seen = 0;
      hooks.createHook({ init() { seen += 1 } }).enable();
      exports.handler = async () => {
        const store = new hooks.AsyncLocalStorage();
        const kept = await store.run('kept', async () => { await null; return store.getStore() });
        return [seen, kept, typeof require('node:crypto').createHash];
      }`);

    const told = await load().run({}, {});

    expect(told).toEqual([0, 'kept', 'function']);
  });

  it('has the right lines in its stack traces', async () => {
    const { load } = anEnvironment('\nexports.handler = async () => {\n  throw new Error("here");\n}');

    const failed = load().run({}, {});

    await expect(failed).rejects.toMatchObject({ stack: expect.stringMatching(/index\.js:3:/) });
  });

  it('must export its handler', () => {
    const { load } = anEnvironment('exports.other = 1', { handler: 'index.handler' });

    expect(load).toThrow(/index\.js exports no function named handler/);
  });
});
