import { type App, appId } from '../tasks/shared/names';

export interface SavedQuery {
  /** What it answers, one sentence. */
  readonly answers: string;
  /** The logs of the step functions, or those of the state machines. */
  readonly over: 'functions' | 'machines';
  /** Placeholders `{{name}}` in the query. */
  readonly parameters: readonly { readonly name: QueryParameter; readonly description: string }[];
  /** Logs Insights query language. */
  readonly query: string;
}

export type QueryParameter = 'tenantId' | 'requestId' | 'executionArn';

const TENANT = { name: 'tenantId', description: 'Tenant id' } as const;
const REQUEST = {
  name: 'requestId',
  description: 'Request id, whole, also where an execution name shortens it',
} as const;
const EXECUTION = { name: 'executionArn', description: 'ARN of the execution' } as const;

/** Lines as the wrapper of the tasks writes them (tasks/shared/define-task.ts); metrics have no message. */
const LINES =
  'fields @timestamp, level, task, step, message, errorName, errorMessage, requestId, executionArn | filter ispresent(message)';

/** Saved Logs Insights queries, by name. */
export const SAVED_QUERIES = {
  tenant: {
    answers: 'What the functions did for a tenant, in order.',
    over: 'functions',
    parameters: [TENANT],
    query: `${LINES} and tenantId = "{{tenantId}}" | sort @timestamp asc | limit 10000`,
  },
  request: {
    answers: 'What the functions did for one request of a tenant, in order, over all its executions.',
    over: 'functions',
    parameters: [TENANT, REQUEST],
    query: `${LINES} and tenantId = "{{tenantId}}" and requestId = "{{requestId}}" | sort @timestamp asc | limit 10000`,
  },
  failures: {
    answers: 'How often each step failed, retried attempts included, and by which error.',
    over: 'functions',
    parameters: [],
    query:
      'filter message = "failed" and ispresent(errorName) | stats count(*) as failures by task, step, errorName | sort failures desc | limit 1000',
  },
  'slow-steps': {
    answers: 'Runs, average and longest duration of each step, milliseconds; the slowest first.',
    over: 'functions',
    parameters: [],
    query:
      'filter ispresent(StepDuration) | stats count(*) as runs, avg(StepDuration) as average, max(StepDuration) as longest by step | sort longest desc | limit 1000',
  },
  execution: {
    answers: 'Every event of one execution, as its history has them, also when Step Functions has forgotten it.',
    over: 'machines',
    parameters: [EXECUTION],
    query:
      'fields @timestamp, id, type, details.name as state, details.error as error, details.cause as cause | filter execution_arn = "{{executionArn}}" | sort id asc | limit 10000',
  },
} as const satisfies Readonly<Record<string, SavedQuery>>;

export type QueryName = keyof typeof SAVED_QUERIES;
export const QUERY_NAMES = Object.keys(SAVED_QUERIES) as QueryName[];

/** Name of a saved query in its account; the part before the slash is its folder in the console. */
export const savedQueryName = (app: App, name: QueryName): string => `${appId(app)}/${name}`;
