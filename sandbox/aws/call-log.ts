import { appendFileSync } from 'node:fs';
import type { Clock } from '../clock';
import type { Denial } from '../iam/denial';
import type { Call } from './service';

export interface CallRecord {
  readonly seq: number;
  /** Virtual time of the call's arrival, ISO 8601. */
  readonly at: string;
  readonly service: string;
  readonly operation: string;
  readonly functionName?: string;
  readonly input: Readonly<Record<string, unknown>>;
  /** 'ok', the error's code, or how the answer was lost: 'reset', 'crash', 'hang'. */
  readonly outcome: string;
  /** What IAM refused, and why. */
  readonly denied?: Denial;
  /** Real time. */
  readonly durationMs: number;
}

export interface CallLogOptions {
  /** JSON lines are appended to this file. */
  readonly file?: string;
}

/** Never written down, whatever the operation. */
const SECRET_MEMBERS = new Set(['Password', 'TemporaryPassword', 'SecretHash', 'Plaintext', 'AuthParameters']);

/** Which function called which operation with which input, in the order of the outcomes. */
export class CallLog {
  readonly #clock: Clock;
  readonly #file: string | undefined;
  #entries: CallRecord[] = [];
  #seq = 0;

  constructor(clock: Clock, { file }: CallLogOptions = {}) {
    this.#clock = clock;
    this.#file = file;
  }

  /** Notes the arrival of a call; the returned function records it once its outcome is known. */
  begin(
    call: Pick<Call, 'service' | 'operation' | 'input'> & Partial<Pick<Call, 'caller'>>,
  ): (outcome: string, denied?: Denial) => void {
    const at = new Date(this.#clock.now()).toISOString();
    const began = performance.now();
    return (outcome, denied) => {
      this.#seq += 1;
      const functionName = call.caller?.functionName;
      const record: CallRecord = {
        seq: this.#seq,
        at,
        service: call.service,
        operation: call.operation,
        ...(functionName === undefined ? {} : { functionName }),
        input: withoutSecrets(call.input),
        outcome,
        ...(denied === undefined ? {} : { denied }),
        durationMs: Math.round(performance.now() - began),
      };
      this.#entries.push(record);
      if (this.#file !== undefined) appendFileSync(this.#file, `${JSON.stringify(record)}\n`);
    };
  }

  entries(): readonly CallRecord[] {
    return this.#entries;
  }

  clear(): void {
    this.#entries = [];
  }

  /** Counts the calls of a service ('kms') or of one operation ('kms/CreateKey'), whatever came of them. */
  countBy(call: string): number {
    return this.#entries.filter(({ service, operation }) => call === service || call === `${service}/${operation}`)
      .length;
  }
}

function withoutSecrets(input: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  if (!Object.keys(input).some((member) => SECRET_MEMBERS.has(member))) return input;
  return Object.fromEntries(
    Object.entries(input).map(([member, value]) => [member, SECRET_MEMBERS.has(member) ? '(hidden)' : value]),
  );
}
