import { randomUUID } from 'node:crypto';
import type { Estate } from './aws/service';
import type { BusEvent } from './events';

/** A rule with a ScheduleExpression. */
export interface Schedule {
  readonly name: string;
  readonly arn: string;
  /** As in the template, for example rate(15 minutes). */
  readonly expression: string;
  /** False for a rule that was deployed disabled. */
  readonly enabled: boolean;
  readonly deliver: (event: BusEvent) => void;
}

/**
 * Scheduled rules. Virtual time does not fire them by itself, so that a jump of 30 days stays cheap and a test says what
 * runs: fire() does.
 */
export class Schedules {
  readonly #schedules = new Map<string, Schedule[]>();

  constructor(private readonly estate: Estate) {}

  /** One per target. */
  add(schedule: Schedule): void {
    this.#schedules.set(schedule.name, [...(this.#schedules.get(schedule.name) ?? []), schedule]);
  }

  /** Names of the scheduled rules with their expressions. */
  list(): readonly Pick<Schedule, 'name' | 'expression' | 'enabled'>[] {
    return [...this.#schedules.values()].flatMap(([first]) =>
      first === undefined ? [] : [{ name: first.name, expression: first.expression, enabled: first.enabled }],
    );
  }

  /** Delivers the rule's event now, to every target. */
  fire(name: string): void {
    const schedules = this.#schedules.get(name);
    if (schedules === undefined) {
      throw new Error(`no scheduled rule ${name} is deployed; there are: ${[...this.#schedules.keys()].join(', ')}`);
    }
    const { accountId, region, clock } = this.estate;
    for (const { arn, enabled, deliver } of schedules) {
      if (!enabled) throw new Error(`rule ${name} is disabled`);
      deliver({
        version: '0',
        id: randomUUID(),
        source: 'aws.events',
        'detail-type': 'Scheduled Event',
        account: accountId,
        region,
        // EventBridge gives whole seconds.
        time: `${new Date(clock.now()).toISOString().slice(0, 19)}Z`,
        resources: [arn],
        detail: {},
      });
    }
  }
}
