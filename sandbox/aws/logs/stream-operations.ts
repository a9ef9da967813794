import type * as logs from '@aws-sdk/client-cloudwatch-logs';
import { pageOf } from '../paging';
import type { Operation } from '../service';
import type { OnWire } from '../wire';
import { filterPattern } from './filter-pattern';
import { byName, invalidParameter, type LogEvent, type LogStore, type LogStream } from './store';

const HOUR = 60 * 60 * 1000;
const DAY = 24 * HOUR;

/** Answers hold no more events than this. */
const EVENTS_PER_PAGE = 10_000;

/** Operations on log streams and their events. */
export function streamOperations(store: LogStore): Record<string, Operation> {
  return {
    CreateLogStream(input: OnWire<logs.CreateLogStreamCommandInput>) {
      const name = input.logStreamName ?? '';
      if (!/^[^:*]{1,512}$/.test(name)) throw invalidParameter(`'${name}' is not a log stream name`);
      store.createStream(store.group(input.logGroupName), name);
    },

    DescribeLogStreams(input: OnWire<logs.DescribeLogStreamsCommandInput>) {
      const group = store.group(input.logGroupName ?? input.logGroupIdentifier);
      const { logStreamNamePrefix: prefix = '', limit = 50, descending = false, nextToken } = input;
      const byTime = input.orderBy === 'LastEventTime';
      if (byTime && prefix !== '') {
        throw invalidParameter('Cannot order by LastEventTime with a logStreamNamePrefix.');
      }
      const rank = (stream: LogStream) =>
        byTime ? `${String(lastOf(stream)?.timestamp ?? 0).padStart(16, '0')} ${stream.name}` : stream.name;
      const streams = [...group.streams.values()].filter(({ name }) => name.startsWith(prefix));
      const ordered = streams.sort((a, b) => (rank(a) < rank(b) ? -1 : 1));
      if (descending) ordered.reverse();
      // Tokens count, since pages go down as well as up.
      const start = nextToken === undefined ? 0 : indexOf(nextToken);
      const page = ordered.slice(start, start + limit);
      const next = start + page.length < ordered.length ? String(start + page.length) : undefined;
      return { logStreams: page.map((stream) => describe(stream, store.arnOf(group))), nextToken: next };
    },

    PutLogEvents(input: OnWire<logs.PutLogEventsCommandInput>) {
      const stream = store.stream(store.group(input.logGroupName), input.logStreamName);
      const events = (input.logEvents ?? []).map(({ timestamp = 0, message = '' }) => ({ timestamp, message }));
      if (events.length === 0 || events.length > EVENTS_PER_PAGE) {
        throw invalidParameter("1 validation error detected: 'logEvents' must hold between 1 and 10000 events");
      }
      if (events.some(({ timestamp }, at) => timestamp < (events[at - 1]?.timestamp ?? 0))) {
        throw invalidParameter('Log events in a single PutLogEvents request must be in chronological order.');
      }
      const accepted = events.filter(
        ({ timestamp }) => timestamp >= store.now - 14 * DAY && timestamp <= store.now + 2 * HOUR,
      );
      store.append(stream, accepted);
      const tooOld = events.filter(({ timestamp }) => timestamp < store.now - 14 * DAY).length;
      const tooNew = events.findIndex(({ timestamp }) => timestamp > store.now + 2 * HOUR);
      return {
        nextSequenceToken: '0',
        rejectedLogEventsInfo:
          accepted.length === events.length
            ? undefined
            : {
                tooOldLogEventEndIndex: tooOld === 0 ? undefined : tooOld,
                tooNewLogEventStartIndex: tooNew === -1 ? undefined : tooNew,
              },
      };
    },

    /** Without a token the newest events, or the oldest with startFromHead. At either end the same token comes back. */
    GetLogEvents(input: OnWire<logs.GetLogEventsCommandInput>) {
      const group = store.group(input.logGroupName ?? input.logGroupIdentifier);
      const stream = store.stream(group, input.logStreamName);
      const events = store.eventsOf(group, stream).filter((event) => isWithin(event, input));
      const limit = input.limit ?? EVENTS_PER_PAGE;
      const [start, end] = windowOf(input, events.length, limit);
      return {
        events: events.slice(start, end).map(({ timestamp, message, ingestionTime }) => ({
          timestamp,
          message,
          ingestionTime,
        })),
        nextForwardToken: `f/${end}`,
        nextBackwardToken: `b/${start}`,
      };
    },

    FilterLogEvents(input: OnWire<logs.FilterLogEventsCommandInput>) {
      const group = store.group(input.logGroupName ?? input.logGroupIdentifier);
      const { logStreamNames, logStreamNamePrefix, limit = EVENTS_PER_PAGE } = input;
      if (logStreamNames !== undefined && logStreamNamePrefix !== undefined) {
        throw invalidParameter('logStreamNames and logStreamNamePrefix are mutually exclusive parameters.');
      }
      const matches = filterPattern(input.filterPattern);
      const found = [...group.streams.values()]
        .filter(({ name }) => logStreamNames?.includes(name) ?? name.startsWith(logStreamNamePrefix ?? ''))
        .sort(byName)
        .flatMap((stream) => store.eventsOf(group, stream).map((event) => ({ stream, event })))
        .filter(({ event }) => isWithin(event, input) && matches(event.message))
        .sort((a, b) => (rankOf(a.event) < rankOf(b.event) ? -1 : 1));
      const { items, next } = pageOf(found, ({ event }) => rankOf(event), { limit, token: input.nextToken });
      return {
        events: items.map(({ stream, event: { timestamp, message, ingestionTime, sequence } }) => ({
          logStreamName: stream.name,
          timestamp,
          message,
          ingestionTime,
          eventId: String(sequence).padStart(56, '0'),
        })),
        searchedLogStreams: [],
        nextToken: next,
      };
    },
  };
}

function describe(stream: LogStream, groupArn: string): object {
  const [first, last] = [stream.events[0], lastOf(stream)];
  return {
    logStreamName: stream.name,
    creationTime: stream.createdAt,
    firstEventTimestamp: first?.timestamp,
    lastEventTimestamp: last?.timestamp,
    lastIngestionTime: last?.ingestionTime,
    uploadSequenceToken: '0',
    arn: `${groupArn}:log-stream:${stream.name}`,
    storedBytes: 0,
  };
}

function lastOf({ events }: LogStream): LogEvent | undefined {
  return events.at(-1);
}

/** From startTime (inclusive) to endTime (exclusive). */
function isWithin(
  { timestamp }: LogEvent,
  { startTime, endTime }: { startTime?: number | undefined; endTime?: number | undefined },
): boolean {
  return timestamp >= (startTime ?? 0) && timestamp < (endTime ?? Number.POSITIVE_INFINITY);
}

function windowOf(
  { nextToken, startFromHead }: { nextToken?: string | undefined; startFromHead?: boolean | undefined },
  length: number,
  limit: number,
): [start: number, end: number] {
  if (nextToken === undefined)
    return startFromHead ? [0, Math.min(limit, length)] : [Math.max(0, length - limit), length];
  const at = Math.min(indexOf(nextToken.slice(2)), length);
  if (nextToken.startsWith('f/')) return [at, Math.min(at + limit, length)];
  if (nextToken.startsWith('b/')) return [Math.max(0, at - limit), at];
  throw invalidParameter('The specified nextToken is invalid.');
}

function indexOf(token: string): number {
  const index = Number(token);
  if (token === '' || !Number.isInteger(index) || index < 0)
    throw invalidParameter('The specified nextToken is invalid.');
  return index;
}

function rankOf({ timestamp, sequence }: LogEvent): string {
  return `${String(timestamp).padStart(16, '0')} ${String(sequence).padStart(16, '0')}`;
}
