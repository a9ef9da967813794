/** What of an event pattern the sandbox understands: exact values, prefix and anything-but, nested. */
export interface Rule {
  readonly name: string;
  readonly pattern: Readonly<Record<string, unknown>>;
  readonly deliver: (event: BusEvent) => void;
}

/** An event on the default bus, as a Lambda target receives it. */
export interface BusEvent {
  readonly version: '0';
  readonly id: string;
  readonly source: string;
  readonly 'detail-type': string;
  readonly account: string;
  readonly region: string;
  readonly time: string;
  readonly resources: readonly string[];
  readonly detail: object;
}

/** The default event bus. Delivery can be lost on demand: on AWS, status events are best effort. */
export class EventBus {
  readonly #rules: Rule[] = [];
  #toLose = 0;

  addRule(rule: Rule): void {
    this.#rules.push(rule);
  }

  /** The next `count` events reach nobody. */
  loseNext(count = 1): void {
    this.#toLose += count;
  }

  publish(event: BusEvent): void {
    if (this.#toLose > 0) {
      this.#toLose -= 1;
      return;
    }
    for (const rule of this.#rules) if (matches(rule.pattern, event)) rule.deliver(event);
  }
}

function matches(pattern: unknown, value: unknown): boolean {
  if (Array.isArray(pattern)) {
    const values = Array.isArray(value) ? value : [value];
    return values.some((item) => pattern.some((alternative) => alternativeMatches(alternative, item)));
  }
  if (typeof pattern !== 'object' || pattern === null || typeof value !== 'object' || value === null) return false;
  return Object.entries(pattern).every(([key, member]) => matches(member, (value as Record<string, unknown>)[key]));
}

function alternativeMatches(alternative: unknown, value: unknown): boolean {
  if (typeof alternative !== 'object' || alternative === null) return alternative === value;
  if ('prefix' in alternative) return typeof value === 'string' && value.startsWith(String(alternative.prefix));
  if ('anything-but' in alternative) return ![alternative['anything-but']].flat().includes(value);
  throw new Error(`the sandbox does not know the event pattern ${JSON.stringify(alternative)}`);
}
