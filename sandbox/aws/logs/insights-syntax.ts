import { ServiceError } from '../service';

/**
 * The part of the Logs Insights query language that this project's queries use: fields, filter (=, !=, <, <=, >, >=, like,
 * ispresent, and, or, not), stats (count, avg, max … by), sort, limit and display. All else is refused, so that no query
 * means something else here than on AWS.
 * Source: CloudWatch Logs user guide, Logs Insights language query syntax.
 */

export type Comparison = '=' | '!=' | '<' | '<=' | '>' | '>=';

export type Condition =
  | { readonly kind: 'and' | 'or'; readonly left: Condition; readonly right: Condition }
  | { readonly kind: 'not'; readonly operand: Condition }
  | { readonly kind: 'present'; readonly field: string }
  | { readonly kind: 'compare'; readonly field: string; readonly operator: Comparison; readonly value: string }
  | { readonly kind: 'like'; readonly field: string; readonly pattern: RegExp };

export interface Column {
  readonly field: string;
  readonly name: string;
}

export interface Aggregate {
  readonly call: 'count' | 'avg' | 'max';
  /** * counts rows. */
  readonly field: string;
  readonly name: string;
}

export type QueryStep =
  | { readonly command: 'fields' | 'display'; readonly columns: readonly Column[] }
  | { readonly command: 'filter'; readonly condition: Condition }
  | { readonly command: 'stats'; readonly aggregates: readonly Aggregate[]; readonly by: readonly string[] }
  | { readonly command: 'sort'; readonly keys: readonly { readonly field: string; readonly descending: boolean }[] }
  | { readonly command: 'limit'; readonly count: number };

interface Token {
  readonly kind: 'word' | 'string' | 'regex' | 'symbol';
  readonly text: string;
  readonly at: number;
}

const TOKEN =
  /\s+|"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|\/((?:[^/\\]|\\.)+)\/|([@\w][\w.@-]*)|([|,()*]|[!<>]=|[=<>])/y;

/** Reads a query. Throws MalformedQueryException for what is wrong, and for what is not understood here. */
export function parseQuery(query: string): readonly QueryStep[] {
  return new Parser(tokensOf(query)).query();
}

function tokensOf(query: string): readonly Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < query.length; at = TOKEN.lastIndex) {
    TOKEN.lastIndex = at;
    const [all, double, single, regex, word, symbol] = TOKEN.exec(query) ?? [];
    if (all === undefined) throw malformed(`unexpected ${query[at]}`, at);
    const quoted = double ?? single;
    if (quoted !== undefined) tokens.push({ kind: 'string', text: quoted.replace(/\\(.)/g, '$1'), at });
    else if (regex !== undefined) tokens.push({ kind: 'regex', text: regex, at });
    else if (word !== undefined) tokens.push({ kind: 'word', text: word, at });
    else if (symbol !== undefined) tokens.push({ kind: 'symbol', text: symbol, at });
  }
  return tokens;
}

/** Recursive descent, one method per rule. */
class Parser {
  readonly #tokens: readonly Token[];
  #next = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  query(): readonly QueryStep[] {
    const steps = [this.#step()];
    while (this.#accept('|')) steps.push(this.#step());
    this.#end();
    return steps;
  }

  #step(): QueryStep {
    const command = this.#word().toLowerCase();
    switch (command) {
      case 'fields':
      case 'display':
        return { command, columns: this.#list(() => this.#column()) };
      case 'filter':
        return { command, condition: this.#or() };
      case 'stats':
        return {
          command,
          aggregates: this.#list(() => this.#aggregate()),
          by: this.#acceptWord('by') ? this.#list(() => this.#word()) : [],
        };
      case 'sort':
        return { command, keys: this.#list(() => this.#key()) };
      case 'limit':
        return { command, count: this.#count() };
      default:
        throw malformed(`unknown command ${command}`, this.#tokens[this.#next - 1]?.at);
    }
  }

  #column(): Column {
    const field = this.#word();
    return { field, name: this.#acceptWord('as') ? this.#word() : field };
  }

  #aggregate(): Aggregate {
    const call = this.#word();
    if (call !== 'count' && call !== 'avg' && call !== 'max') throw this.#unexpected(`the function ${call}`);
    this.#expect('(');
    const field = call === 'count' && this.#accept('*') ? '*' : this.#word();
    this.#expect(')');
    return { call, field, name: this.#acceptWord('as') ? this.#word() : `${call}(${field})` };
  }

  #key() {
    const field = this.#word();
    const descending = this.#acceptWord('desc');
    if (!descending) this.#acceptWord('asc');
    return { field, descending };
  }

  #count(): number {
    const count = Number(this.#word());
    if (Number.isInteger(count) && count >= 1 && count <= 10_000) return count;
    throw this.#unexpected('a limit outside of 1 to 10000');
  }

  #or(): Condition {
    let left = this.#and();
    while (this.#acceptWord('or')) left = { kind: 'or', left, right: this.#and() };
    return left;
  }

  #and(): Condition {
    let left = this.#operand();
    while (this.#acceptWord('and')) left = { kind: 'and', left, right: this.#operand() };
    return left;
  }

  #operand(): Condition {
    if (this.#acceptWord('not')) return { kind: 'not', operand: this.#operand() };
    if (this.#accept('(')) {
      const inner = this.#or();
      this.#expect(')');
      return inner;
    }
    const field = this.#word();
    if (field.toLowerCase() === 'ispresent') {
      this.#expect('(');
      const present = this.#word();
      this.#expect(')');
      return { kind: 'present', field: present };
    }
    if (this.#acceptWord('like')) return { kind: 'like', field, pattern: this.#pattern() };
    const operator = (['=', '!=', '<', '<=', '>', '>='] as const).find((symbol) => this.#accept(symbol));
    if (operator === undefined) throw this.#unexpected('no comparison');
    return { kind: 'compare', field, operator, value: this.#value() };
  }

  #pattern(): RegExp {
    const token = this.#tokens[this.#next];
    if (token?.kind === 'string') {
      this.#next += 1;
      return new RegExp(token.text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&'));
    }
    if (token?.kind === 'regex') {
      this.#next += 1;
      return new RegExp(token.text);
    }
    throw this.#unexpected('no pattern');
  }

  #value(): string {
    const token = this.#tokens[this.#next];
    const isNumber = token?.kind === 'word' && /^-?\d+(\.\d+)?$/.test(token.text);
    if (token === undefined || (token.kind !== 'string' && !isNumber)) throw this.#unexpected('no value');
    this.#next += 1;
    return token.text;
  }

  #list<T>(item: () => T): readonly T[] {
    const items = [item()];
    while (this.#accept(',')) items.push(item());
    return items;
  }

  #word(): string {
    const token = this.#tokens[this.#next];
    if (token?.kind !== 'word') throw this.#unexpected('no name');
    this.#next += 1;
    return token.text;
  }

  #acceptWord(word: string): boolean {
    const token = this.#tokens[this.#next];
    if (token?.kind !== 'word' || token.text.toLowerCase() !== word) return false;
    this.#next += 1;
    return true;
  }

  #accept(symbol: string): boolean {
    const token = this.#tokens[this.#next];
    if (token?.kind !== 'symbol' || token.text !== symbol) return false;
    this.#next += 1;
    return true;
  }

  #expect(symbol: string): void {
    if (!this.#accept(symbol)) throw this.#unexpected(`no ${symbol}`);
  }

  #end(): void {
    if (this.#next < this.#tokens.length) throw this.#unexpected('more than a query');
  }

  #unexpected(what: string): ServiceError {
    const token = this.#tokens[this.#next];
    return malformed(`${what} at ${token?.text ?? 'the end'}`, token?.at);
  }
}

const malformed = (what: string, at?: number): ServiceError =>
  new ServiceError(
    'MalformedQueryException',
    `The sandbox does not understand the query: ${what}${at === undefined ? '' : `, character ${at + 1}`}`,
  );
