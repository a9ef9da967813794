import type { Command } from 'commander';
import * as z from 'zod/mini';
import { problemOf } from '../tasks/shared/problems';
import type { ExitCode } from './exit-code';
import type { Output } from './output';
import type { Target } from './target';

/** What a command is given to work with. */
export interface Scope {
  readonly output: Output;
  /** Finds the deployed stack. The first AWS call: arguments are checked by then. */
  openTarget(): Promise<Target>;
  /** Options that a repeat of the command needs to reach the same target; empty for the default. */
  readonly targetArguments: string;
  /** Calls the listener on Ctrl-C instead of ending the process. Returns how to stop that. */
  onInterrupt(listener: () => void): () => void;
}

export type Parsed<Input> = { readonly input: Input } | { readonly problems: readonly string[] };

/** One command of tenantctl: one file in cli/commands and one line in its index. */
export interface TenantCommand<Input = unknown> {
  readonly name: string;
  readonly summary: string;
  /** Declares options. None is marked as required: parse() reports all problems at once. */
  configure(command: Command): void;
  parse(options: Readonly<Record<string, unknown>>): Parsed<Input>;
  run(input: Input, scope: Scope): Promise<ExitCode>;
}

/** Keeps the types of a command. */
export const defineCommand = <Input>(command: TenantCommand<Input>): TenantCommand<Input> => command;

/**
 * Checks a value by its contract.
 * @param flags what the fields are called on the command line, where it is not --kebab-case of the field
 */
export function check<Schema extends z.core.$ZodType>(
  schema: Schema,
  value: unknown,
  flags: Readonly<Record<string, string>> = {},
): Parsed<z.output<Schema>> {
  const parsed = z.safeParse(schema, value);
  if (parsed.success) return { input: parsed.data };
  return { problems: parsed.error.issues.map((issue) => problem(issue, value, flags)) };
}

/** Adds what only the command line can get wrong, so that all problems are reported at once. */
export const withProblems = <Input>(parsed: Parsed<Input>, problems: readonly string[]): Parsed<Input> =>
  problems.length === 0 ? parsed : { problems: [...problems, ...('problems' in parsed ? parsed.problems : [])] };

/** A command as it is typed, aimed at the same target. */
export const tenantCommand = (command: string, targetArguments: string): string =>
  `npm run tenant -- ${command}${targetArguments}`;

export const followUp = (tenantId: string, targetArguments: string): string =>
  tenantCommand(`status --tenant-id ${tenantId}`, targetArguments);

/** How the user sends the same request again. */
export const repeatOf = (requestId: string, targetArguments: string): string =>
  `repeat the command with --request-id ${requestId}${targetArguments}.`;

function problem(issue: z.core.$ZodIssue, value: unknown, flags: Readonly<Record<string, string>>): string {
  const [field] = issue.path;
  const what = problemOf(issue, value);
  return typeof field === 'string' ? `${flags[field] ?? flagOf(field)}: ${what}` : what;
}

const flagOf = (field: string): string => `--${field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
