/**
 * Keys in order, sorted when they are read. Keys that lost their last version stay in it until enough of them have
 * gathered: whoever reads skips them. So purging 30,000 versions page by page sorts almost nothing.
 */
export class KeyIndex {
  #sorted: string[] = [];
  #added: string[] = [];
  #known = new Set<string>();

  add(key: string): void {
    if (this.#known.has(key)) return;
    this.#known.add(key);
    this.#added.push(key);
  }

  /** Keys at or after `start`, also some that are gone; `live` is how many are not. */
  *from(start: string, live: number): Generator<string> {
    this.#tidy(live);
    const sorted = this.#sorted;
    for (let at = lowerBound(sorted, start); at < sorted.length; at += 1) yield sorted[at] as string;
  }

  #tidy(live: number): void {
    if (live === 0) {
      this.#sorted = [];
      this.#added = [];
      this.#known.clear();
    }
    if (this.#added.length === 0) return;
    // An ordered run with some keys behind it, which is what the built-in merge sort is quick at.
    this.#sorted = this.#sorted.concat(this.#added).sort(compare);
    this.#added = [];
  }
}

function lowerBound(sorted: readonly string[], start: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compare(sorted[middle] as string, start) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
