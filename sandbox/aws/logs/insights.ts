import type { Aggregate, Comparison, Condition, QueryStep } from './insights-syntax';
import type { LogEvent } from './store';

/** A log event as queries see it: its own fields beside those of its JSON message. */
export type Row = ReadonlyMap<string, string>;

export interface SearchedEvent {
  readonly logGroup: string;
  readonly logStream: string;
  readonly event: LogEvent;
}

/** A query without a limit of its own gives so many rows at most. */
const DEFAULT_LIMIT = 10_000;

export interface QueryOutcome {
  readonly rows: readonly Row[];
  readonly recordsMatched: number;
}

/** Runs a query over events. The commands apply in their order; display chooses what is shown. */
export function runQuery(steps: readonly QueryStep[], events: readonly SearchedEvent[]): QueryOutcome {
  // Without a sort of its own a query shows the latest events first.
  let rows: readonly Row[] = events.toSorted((a, b) => b.event.timestamp - a.event.timestamp).map(rowOf);
  let shown: readonly string[] = ['@timestamp', '@message'];
  let recordsMatched = rows.length;
  let limit = DEFAULT_LIMIT;
  for (const step of steps) {
    switch (step.command) {
      case 'filter':
        rows = rows.filter((row) => holds(step.condition, row));
        recordsMatched = rows.length;
        break;
      case 'fields':
      case 'display':
        rows = rows.map(
          (row) => new Map([...row, ...step.columns.flatMap(({ field, name }) => cell(row, field, name))]),
        );
        shown = step.columns.map(({ name }) => name);
        break;
      case 'stats':
        rows = grouped(rows, step.by).map((group) => aggregated(group, step.aggregates, step.by));
        shown = [...step.by, ...step.aggregates.map(({ name }) => name)];
        break;
      case 'sort':
        rows = rows.toSorted((a, b) => order(a, b, step.keys));
        break;
      case 'limit':
        limit = step.count;
        break;
    }
  }
  const columns = (row: Row) => shown.flatMap((name) => cell(row, name, name));
  return { rows: rows.slice(0, limit).map((row) => new Map(columns(row))), recordsMatched };
}

const cell = (row: Row, field: string, name: string): [string, string][] => {
  const value = row.get(field);
  return value === undefined ? [] : [[name, value]];
};

function rowOf({ logGroup, logStream, event: { timestamp, ingestionTime, message } }: SearchedEvent): Row {
  const row = new Map<string, string>();
  try {
    flatten(JSON.parse(message), '', row);
  } catch {
    // Plain text has no fields of its own.
  }
  row.set('@timestamp', instant(timestamp));
  row.set('@ingestionTime', instant(ingestionTime));
  row.set('@message', message);
  row.set('@logStream', logStream);
  row.set('@log', logGroup);
  return row;
}

/** `{"a":{"b":[1]}}` has the field a.b.0. */
function flatten(value: unknown, path: string, row: Map<string, string>): void {
  if (typeof value === 'object' && value !== null) {
    for (const [name, member] of Object.entries(value)) flatten(member, path === '' ? name : `${path}.${name}`, row);
  } else if (value !== null && value !== undefined && path !== '') row.set(path, String(value));
}

/** As the service writes times: UTC, with a blank for the T. */
const instant = (timestamp: number): string => new Date(timestamp).toISOString().replace('T', ' ').replace('Z', '');

function holds(condition: Condition, row: Row): boolean {
  switch (condition.kind) {
    case 'and':
      return holds(condition.left, row) && holds(condition.right, row);
    case 'or':
      return holds(condition.left, row) || holds(condition.right, row);
    case 'not':
      return !holds(condition.operand, row);
    case 'present':
      return row.has(condition.field);
    case 'like':
      return condition.pattern.test(row.get(condition.field) ?? '');
    case 'compare':
      return compares(row.get(condition.field), condition.operator, condition.value);
  }
}

/** A field that is not there equals nothing, and differs from everything. */
function compares(found: string | undefined, operator: Comparison, wanted: string): boolean {
  if (found === undefined) return operator === '!=';
  const sign = compare(found, wanted);
  switch (operator) {
    case '=':
      return sign === 0;
    case '!=':
      return sign !== 0;
    case '<':
      return sign < 0;
    case '<=':
      return sign <= 0;
    case '>':
      return sign > 0;
    case '>=':
      return sign >= 0;
  }
}

/** As numbers where both are some. */
function compare(a: string, b: string): number {
  const [left, right] = [numberIn(a), numberIn(b)];
  if (left !== undefined && right !== undefined) return Math.sign(left - right);
  return a === b ? 0 : a < b ? -1 : 1;
}

const numberIn = (text: string | undefined): number | undefined =>
  text !== undefined && /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(text) ? Number(text) : undefined;

function order(a: Row, b: Row, keys: readonly { readonly field: string; readonly descending: boolean }[]): number {
  for (const { field, descending } of keys) {
    const sign = compare(a.get(field) ?? '', b.get(field) ?? '');
    if (sign !== 0) return descending ? -sign : sign;
  }
  return 0;
}

/** Without `by`, all rows are one group. */
function grouped(rows: readonly Row[], by: readonly string[]): readonly (readonly Row[])[] {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const key = JSON.stringify(by.map((field) => row.get(field) ?? null));
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return [...groups.values()];
}

function aggregated(group: readonly Row[], aggregates: readonly Aggregate[], by: readonly string[]): Row {
  const [first = new Map<string, string>()] = group;
  const results = aggregates.flatMap((aggregate): [string, string][] => {
    const result = resultOf(aggregate, group);
    return result === undefined ? [] : [[aggregate.name, String(result)]];
  });
  return new Map([...by.flatMap((field) => cell(first, field, field)), ...results]);
}

function resultOf({ call, field }: Aggregate, group: readonly Row[]): number | undefined {
  if (call === 'count') return field === '*' ? group.length : group.filter((row) => row.has(field)).length;
  const values = group.flatMap((row) => numberIn(row.get(field)) ?? []);
  if (values.length === 0) return undefined;
  return call === 'max' ? Math.max(...values) : values.reduce((sum, value) => sum + value, 0) / values.length;
}
