import type { HistoryEventType } from '@aws-sdk/client-sfn';
import type { State } from './definition';
import { StateError, TaskError, toJson } from './failure';
import type { EventDetails, RecordedEvent } from './history';
import { type Data, placeResult, selectPath } from './paths';
import type { Cursor, Run, Sequence } from './run';
import { evaluateTemplate } from './templates';

/** One visit to one state: what the state's kind needs to do its work. */
export class Step<S extends State = State> {
  retryCount = 0;

  constructor(
    readonly run: Run,
    readonly state: S,
    readonly sequence: Sequence,
    readonly cursor: Cursor,
    readonly signal: AbortSignal,
  ) {}

  append(type: HistoryEventType, details?: EventDetails): RecordedEvent {
    return this.run.history.append(this.sequence, type, details);
  }

  get context(): Readonly<Record<string, unknown>> {
    const { cursor, sequence, retryCount } = this;
    return {
      ...this.run.context,
      State: { Name: cursor.stateName, EnteredTime: cursor.enteredTime, RetryCount: retryCount },
      ...(sequence.item === undefined ? {} : { Map: { Item: sequence.item } }),
    };
  }

  /** The state's input after InputPath. */
  get selected(): unknown {
    if (this.state.Type === 'Fail') return this.cursor.input;
    return selectPath(this.state.InputPath, this.#over(this.cursor.input), 'InputPath');
  }

  get data(): Data {
    return this.#over(this.selected);
  }

  /** The state's input after InputPath and Parameters: what the state works with. */
  effectiveInput(template: unknown): unknown {
    const input = template === undefined ? this.selected : evaluateTemplate(template, this.data);
    return JSON.parse(toJson(input, this.cursor.stateName));
  }

  /** The state's output: ResultSelector, ResultPath (into the raw input) and OutputPath applied to its result. */
  output(result: unknown): unknown {
    const { state } = this;
    if (state.Type === 'Fail') return result;
    const selector = 'ResultSelector' in state ? state.ResultSelector : undefined;
    const selected = selector === undefined ? result : evaluateTemplate(selector, this.#over(result));
    const placed = 'ResultPath' in state ? placeResult(state.ResultPath, this.cursor.input, selected) : selected;
    return JSON.parse(toJson(selectPath(state.OutputPath, this.#over(placed), 'OutputPath'), this.cursor.stateName));
  }

  /** Says of the engine's own failures which state they are about, as AWS does. */
  blame(failure: TaskError): TaskError {
    if (!(failure instanceof StateError)) return failure;
    const { stateName, enteredEventId } = this.cursor;
    const where = `An error occurred while executing the state '${stateName}' (entered at the event id #${enteredEventId}).`;
    return new TaskError(failure.error, `${where} ${failure.cause}`);
  }

  #over(input: unknown): Data {
    return { input, context: this.context };
  }
}
