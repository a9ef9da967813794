/** Maps items, `limit` at a time; results keep the order of the items. */
export async function inParallel<Item, Result>(
  items: readonly Item[],
  limit: number,
  map: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  // Shared by the workers: each takes the next item that none has taken.
  const queue = items.entries();
  const work = async () => {
    for (const [position, item] of queue) results[position] = await map(item);
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, work));
  return results;
}
