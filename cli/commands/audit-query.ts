import { z } from 'zod';
import {
  QUERY_NAMES,
  type QueryName,
  type QueryParameter,
  SAVED_QUERIES,
  type SavedQuery,
} from '../../infra/saved-queries';
import { RequestId, TenantId } from '../../tasks/shared/tenant';
import { check, defineCommand, type Parsed, withProblems } from '../command';
import { NOT_A_DURATION, secondsOf } from '../duration';
import { TargetError } from '../errors';
import { EXIT } from '../exit-code';
import type { QueryRow } from '../log-queries';
import { table } from '../output';

/** What may stand in a query: none of it can end a quoted string. */
const PARAMETERS = {
  tenantId: z.optional(TenantId),
  requestId: z.optional(RequestId),
  executionArn: z
    .string()
    .regex(/^arn:[\w-]+:states:[\w-]+:\d{12}:execution:[\w.-]+:[\w.-]+$/, 'must be the ARN of an execution')
    .optional(),
} as const satisfies Readonly<Record<QueryParameter, unknown>>;

const Instant = z.iso.datetime('must be an ISO 8601 instant, for example 2027-01-31T00:00:00Z').optional();

const Input = z.strictObject({
  name: z.enum(QUERY_NAMES, { error: `must be one of ${QUERY_NAMES.join(', ')}` }),
  ...PARAMETERS,
  from: Instant,
  to: Instant,
  last: z
    .string()
    .refine((text) => secondsOf(text) !== undefined, NOT_A_DURATION)
    .optional(),
});

/** How far back a query looks that is not told. */
const DAY_SECONDS = 86_400;

interface Input {
  readonly name: QueryName;
  readonly values: { readonly [Name in QueryParameter]?: string | undefined };
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  /** Seconds before the end of the range. */
  readonly last: number;
}

/** Runs one of the stage's saved queries over the logs of its functions and state machines. */
export const auditQuery = defineCommand<Input>({
  name: 'audit query',
  summary: `Run a saved query over the logs: ${QUERY_NAMES.join(', ')}.`,

  configure(command) {
    command
      .option('--name <query>', 'the query')
      .option('--tenant-id <id>', 'of the queries tenant and request')
      .option('--request-id <id>', 'of the query request')
      .option('--execution-arn <arn>', 'of the query execution; see tenantctl executions')
      .option('--from <instant>', 'start, ISO 8601 (default: a day before the end)')
      .option('--to <instant>', 'end, ISO 8601 (default: now)')
      .option('--last <duration>', 'instead of --from, for example 12h or 30d')
      .addHelpText(
        'after',
        `\nQueries:\n${QUERY_NAMES.map((name) => `  ${name.padEnd(12)} ${SAVED_QUERIES[name].answers}`).join('\n')}`,
      );
  },

  parse(options): Parsed<Input> {
    const checked = check(Input, options);
    const problems = [...parameterProblems(options), ...rangeProblems(options)];
    if ('problems' in checked || problems.length > 0) return withProblems(checked as Parsed<Input>, problems);
    const { name, from, to, last, ...values } = checked.input;
    return { input: { name, from, to, last: secondsOf(last) ?? DAY_SECONDS, values } };
  },

  async run({ name, values, from, to, last }, { output, openTarget, onInterrupt }) {
    const target = await openTarget();
    const queries = target.logQueries();
    const saved = await queries.find(name);
    const end = to === undefined ? await target.now() : new Date(to);
    const range = { from: from === undefined ? new Date(end.getTime() - last * 1000) : new Date(from), to: end };
    const query = { ...saved, queryString: filled(saved.queryString ?? '', values) };
    const interruption = new AbortController();
    const stopListening = onInterrupt(() => interruption.abort());
    try {
      const rows = await queries.run(query, range, interruption.signal);
      if (rows === undefined) {
        output.result({ name, stopped: true }, ['Stopped the query.']);
        return EXIT.interrupted;
      }
      output.result({ name, ...values, from: range.from.toISOString(), to: range.to.toISOString(), rows }, [
        ...rowLines(rows, output.colors),
        ...(rows.length >= MOST_ROWS
          ? [`There may be more than these ${MOST_ROWS}: narrow it with --from and --to.`]
          : []),
      ]);
      return EXIT.done;
    } finally {
      stopListening();
    }
  },
});

/** A query gives no more [StartQuery]. */
const MOST_ROWS = 10_000;

/** What the parameters are called on the command line. */
export const FLAGS: Readonly<Record<QueryParameter, string>> = {
  tenantId: '--tenant-id',
  requestId: '--request-id',
  executionArn: '--execution-arn',
};

/** Each query takes the parameters that it names, all of them and no others. */
function parameterProblems(options: Readonly<Record<string, unknown>>): readonly string[] {
  const saved: SavedQuery | undefined = QUERY_NAMES.includes(options['name'] as QueryName)
    ? SAVED_QUERIES[options['name'] as QueryName]
    : undefined;
  if (saved === undefined) return [];
  return (Object.keys(FLAGS) as QueryParameter[]).flatMap((parameter) => {
    const taken = saved.parameters.some(({ name }) => name === parameter);
    if (taken === (options[parameter] !== undefined)) return [];
    return [`${FLAGS[parameter]}: ${taken ? 'is required' : `is not taken by the query ${options['name']}`}`];
  });
}

function rangeProblems({ from, to, last }: Readonly<Record<string, unknown>>): readonly string[] {
  const backwards = typeof from === 'string' && typeof to === 'string' && Date.parse(from) >= Date.parse(to);
  return [
    ...(from !== undefined && last !== undefined ? ['--from, --last: only one of them'] : []),
    ...(backwards ? ['--from: must be before --to'] : []),
  ];
}

/** Puts the checked values into their places. */
function filled(query: string, values: Input['values']): string {
  return query.replace(/\{\{(\w+)\}\}/g, (_place, name: string) => {
    const value = values[name as QueryParameter];
    if (value !== undefined) return value;
    throw new TargetError(
      `the saved query asks for ${name}, which this version does not know`,
      'Its version does not fit this one: deploy the stack from this version of the project, or use the other.',
    );
  });
}

function rowLines(rows: readonly QueryRow[], colors: Parameters<typeof table>[2]): string[] {
  if (rows.length === 0) return ['Nothing found.'];
  const headings = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  return table(
    headings,
    rows.map((row) => headings.map((heading) => row[heading])),
    colors,
  );
}
