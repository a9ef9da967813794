import * as z from 'zod/mini';
import english from 'zod/v4/locales/en.js';

// zod/mini has no wording of its own.
z.config(english());

/** What is wrong with a value, one sentence without the value itself, which may be personal data. */
export const problemOf = ({ path, message }: z.core.$ZodIssue, value: unknown): string =>
  memberAt(value, path) === undefined ? 'is required' : message;

const memberAt = (value: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>(
    (inner, key) =>
      typeof inner === 'object' && inner !== null ? (inner as Record<PropertyKey, unknown>)[key] : undefined,
    value,
  );
