import { evaluateExpression, parseExpression } from './intrinsics';
import { type Data, UnsupportedExpressionError } from './paths';

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A payload template (Parameters, ResultSelector, ItemSelector): members named `x.$` are replaced by what they select. */
export function evaluateTemplate(template: unknown, data: Data): unknown {
  if (Array.isArray(template)) return template.map((item) => evaluateTemplate(item, data));
  if (!isRecord(template)) return template;
  return Object.fromEntries(
    Object.entries(template).map(([key, value]) =>
      key.endsWith('.$')
        ? [key.slice(0, -2), evaluateExpression(parseExpression(String(value)), data, key)]
        : [key, evaluateTemplate(value, data)],
    ),
  );
}

/** Refuses, before anything runs, what `evaluateTemplate` could not evaluate. */
export function checkTemplate(template: unknown): void {
  if (Array.isArray(template)) {
    for (const item of template) checkTemplate(item);
  } else if (isRecord(template)) {
    for (const [key, value] of Object.entries(template)) {
      if (!key.endsWith('.$')) checkTemplate(value);
      else if (typeof value === 'string') parseExpression(value);
      else
        throw new UnsupportedExpressionError(JSON.stringify(value), `${key} must be a path or an intrinsic function`);
    }
  }
}
