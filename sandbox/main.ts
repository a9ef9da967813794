import './quiet';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { parseArgs } from 'node:util';
import { Sandbox } from './sandbox';
import { synthesize } from './synthesize';

/** Where clients look for the sandbox when nothing else is said. */
const DEFAULT_PORT = 4599;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      port: { type: 'string' },
      'call-log': { type: 'string' },
      'allow-host': { type: 'string', multiple: true, default: [] },
      help: { type: 'boolean' },
    },
  });
  if (values.help === true) {
    console.log(
      'npm start -- [--port N] [--call-log FILE] [--allow-host NAME]…\n\nRuns the synthesized app on this machine until Ctrl-C.',
    );
    return;
  }
  const port = Number(values.port ?? DEFAULT_PORT);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    console.error(`--port must be a number from 0 to 65535, not ${values.port}`);
    process.exitCode = 2;
    return;
  }
  const { 'call-log': callLogFile, 'allow-host': hostNames } = values;
  let sandbox: Sandbox;
  try {
    await assertFree(port);
    console.log('Synthesizing the app …');
    const assembly = await synthesize();
    sandbox = await Sandbox.start({ assembly, port, hostNames, ...(callLogFile !== undefined && { callLogFile }) });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    console.error(`Port ${port} is in use: a sandbox may be running already. Stop it, or choose another with --port.`);
    process.exitCode = 1;
    return;
  }
  const arns = sandbox.machines.machines.map(({ arn }) => arn);
  console.log(
    [
      '',
      `The sandbox serves AWS at ${sandbox.endpoint.url} (account ${arns[0]?.split(':')[4]}, Region us-east-1; any credentials)`,
      ...arns.map((arn) => `  state machine ${arn}`),
      '',
      'Try, in another terminal:',
      '  npm run tenant -- onboard --tenant-id acme --name "Acme Clinic" --admin-email admin@acme.example --tier premium --wait',
      `  aws --endpoint-url ${sandbox.endpoint.url} --region us-east-1 stepfunctions list-executions --state-machine-arn ${arns[0] ?? ''}`,
      '',
      'Ctrl-C stops it; nothing is kept.',
    ].join('\n'),
  );
  await new Promise<void>((resolve) => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
  });
  await sandbox.stop();
  console.log('\nThe sandbox has stopped.');
}

/** Throws what listening would throw: synthesis takes seconds, and a port that is taken should be told before. */
async function assertFree(port: number): Promise<void> {
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  server.close();
  await once(server, 'close');
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
