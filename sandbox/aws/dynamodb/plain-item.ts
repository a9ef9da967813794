import type { AttributeValue } from '@aws-sdk/client-dynamodb';

/** An item as a reader writes it down: sets become arrays, binary stays base64. */
export type PlainItem = Readonly<Record<string, unknown>>;

export function plainItem(item: Readonly<Record<string, AttributeValue>>): PlainItem {
  return Object.fromEntries(Object.entries(item).map(([name, value]) => [name, plainValue(value)]));
}

function plainValue(value: AttributeValue): unknown {
  if (value.N !== undefined) return Number(value.N);
  if (value.NS !== undefined) return value.NS.map(Number);
  if (value.NULL !== undefined) return null;
  if (value.L !== undefined) return value.L.map(plainValue);
  if (value.M !== undefined) return plainItem(value.M);
  return value.S ?? value.BOOL ?? value.SS ?? value.B ?? value.BS;
}
