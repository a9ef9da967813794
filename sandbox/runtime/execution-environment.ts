import { Console } from 'node:console';
import { Writable } from 'node:stream';
import type { Clock } from '../clock';
import { type Handler, loadHandler } from './bundle';

export interface EnvironmentProperties {
  readonly codeDirectory: string;
  readonly handler: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly clock: Clock;
  /** Receives each line that the function writes. */
  readonly log: (line: string) => void;
}

/** One Lambda execution environment: loaded code that serves one invocation at a time, until it dies. */
export class ExecutionEnvironment {
  readonly #handler: Handler;

  constructor({ codeDirectory, handler, variables, clock, log }: EnvironmentProperties) {
    const output = lineWriter(log);
    this.#handler = loadHandler(codeDirectory, handler, {
      process: processWith(variables, output),
      console: new Console({ stdout: output, stderr: output }),
      dateType: dateOf(clock),
    });
  }

  async run(event: unknown, context: object): Promise<unknown> {
    return await this.#handler(event, context);
  }
}

/** The host's process with an environment and outputs of the function's own. */
function processWith(variables: Readonly<Record<string, string>>, output: Writable): NodeJS.Process {
  const own: Record<string, unknown> = { env: { ...variables }, stdout: output, stderr: output, emitWarning: () => {} };
  return new Proxy(process, {
    get(target, property) {
      if (typeof property === 'string' && Object.hasOwn(own, property)) return own[property];
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** A Date whose now is the sandbox's. */
function dateOf(clock: Clock): DateConstructor {
  return new Proxy(Date, {
    construct: (target, parameters: unknown[], newTarget) =>
      Reflect.construct(target, parameters.length === 0 ? [clock.now()] : parameters, newTarget),
    apply: () => new Date(clock.now()).toString(),
    get: (target, property, receiver) =>
      property === 'now' ? () => clock.now() : Reflect.get(target, property, receiver),
  });
}

function lineWriter(log: (line: string) => void): Writable {
  return new Writable({
    decodeStrings: false,
    write(chunk: unknown, _encoding, done) {
      for (const line of String(chunk).split('\n')) if (line !== '') log(line);
      done();
    },
  });
}
