import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import { Sandbox } from '../../sandbox/sandbox';
import { ASSEMBLY } from '../support/assembly';

const ROOT = join(__dirname, '../..');

/** Somebody else's server. */
let server: Server;
let port: number;

beforeAll(async () => {
  server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
});
afterAll(() => server.close());

/** Servers of this process, once those that were closed have gone. */
async function listeners(): Promise<number> {
  await setTimeout(100);
  return process.getActiveResourcesInfo().filter((name) => name === 'TCPServerWrap').length;
}

describe('a sandbox that cannot start', () => {
  it('leaves nothing running when its port is taken', async () => {
    const before = await listeners();

    const started = Sandbox.start({ assembly: ASSEMBLY, port });

    await expect(started).rejects.toMatchObject({ code: 'EADDRINUSE' });
    expect(await listeners()).toBe(before);
  });

  it('leaves nothing running when the assembly cannot be deployed', async () => {
    const empty = mkdtempSync(join(tmpdir(), 'no-assembly-'));
    const before = await listeners();

    const started = Sandbox.start({ assembly: empty });

    await expect(started).rejects.toThrow('holds no cloud assembly');
    expect(await listeners()).toBe(before);
    rmSync(empty, { recursive: true });
  });
});

describe('npm start', () => {
  it('says so and exits with 1 when the port is taken', async () => {
    const started = spawn(process.execPath, ['--import', 'tsx', 'sandbox/main.ts', '--port', String(port)], {
      cwd: ROOT,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const [said, [status]] = await Promise.all([text(started.stderr), once(started, 'exit')]);

    expect(said).toContain(`Port ${port} is in use`);
    expect(status).toBe(1);
  });
});
