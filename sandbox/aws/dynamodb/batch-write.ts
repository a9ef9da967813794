type Requests = Readonly<Record<string, readonly unknown[]>>;

export interface SplitBatch {
  readonly accepted: Requests;
  readonly unprocessed: Requests;
}

/**
 * What DynamoDB does with a batch when it runs short of capacity: it writes a part, answers 200 and hands back the rest.
 * Always at least one request is accepted, so that a caller who loops gets done.
 */
export function splitBatch(requestItems: Requests): SplitBatch {
  const requests = Object.entries(requestItems).flatMap(([table, items]) => items.map((item) => ({ table, item })));
  const half = Math.ceil(requests.length / 2);
  return { accepted: byTable(requests.slice(0, half)), unprocessed: byTable(requests.slice(half)) };
}

function byTable(requests: readonly { table: string; item: unknown }[]): Requests {
  const grouped: Record<string, unknown[]> = {};
  for (const { table, item } of requests) grouped[table] = [...(grouped[table] ?? []), item];
  return grouped;
}
