import type { Role } from './directory';
import { type Asked, actionMatched, type Statement } from './policy';

/** A granted action that no call has used yet. */
export interface UnusedGrant {
  readonly role: string;
  readonly action: string;
  readonly resources: readonly string[];
}

/** Which grants of identity policies were what allowed a call. */
export class Usage {
  readonly #used = new Map<Statement, Set<string>>();

  note(statements: readonly Statement[], asked: Asked): void {
    for (const statement of statements) {
      const matched = actionMatched(statement, asked);
      if (matched === undefined) continue;
      const actions = this.#used.get(statement) ?? new Set();
      this.#used.set(statement, actions.add(matched.text));
    }
  }

  unused(roles: readonly Role[]): UnusedGrant[] {
    return roles.flatMap(({ name, policies }) =>
      policies.flatMap(({ statements }) =>
        statements
          .filter(({ effect }) => effect === 'Allow')
          .flatMap((statement) =>
            statement.actions.patterns
              .filter(({ text }) => !this.#used.get(statement)?.has(text))
              .map(({ text }) => ({
                role: name,
                action: text,
                resources: statement.resources?.patterns.map((one) => one.text) ?? [],
              })),
          ),
      ),
    );
  }
}
