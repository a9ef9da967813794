import { aLostAnswer } from './aws-errors';

/** A call that is to end badly: by its place among all calls, from 0, and whether its effect comes first. */
export interface Interruption {
  readonly call: number;
  readonly when: 'before' | 'after';
}

/** Numbers the calls of mocked clients, whatever their service, and ends one of them. */
export interface Calls {
  /** Names of the commands so far, oldest first. */
  readonly names: readonly string[];
  /** Starts counting anew. */
  reset(interruption?: Interruption): void;
}

// biome-ignore lint/suspicious/noExplicitAny: a client class of any service; their send methods have overloads of their own.
type ClientClass = { readonly prototype: { send: any } };

/** Call it after the mocks' reset, which makes new ones. */
export function interruptible(...classes: readonly ClientClass[]): Calls {
  const names: string[] = [];
  let interruption: Interruption | undefined;
  const interrupt = (call: number, when: Interruption['when']) => {
    if (interruption?.call === call && interruption.when === when) throw aLostAnswer();
  };
  for (const { prototype } of classes) {
    const send = prototype.send as (...all: unknown[]) => Promise<unknown>;
    prototype.send = async function (this: unknown, command: object, ...rest: readonly unknown[]) {
      const call = names.push(command.constructor.name) - 1;
      interrupt(call, 'before');
      const answer = await send.call(this, command, ...rest);
      interrupt(call, 'after');
      return answer;
    };
  }
  return {
    names,
    reset(next) {
      names.length = 0;
      interruption = next;
    },
  };
}
