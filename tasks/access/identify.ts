import { tagsOf } from '../shared/define-task';

/** The one id that a caller chooses, for log lines and trace. A tenant that the event names is not yet the caller's. */
export function requestIdOf(event: unknown): Record<string, string> {
  const { requestId } = tagsOf(event);
  return requestId === undefined ? {} : { requestId };
}
