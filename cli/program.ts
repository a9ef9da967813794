import { Command, CommanderError } from 'commander';
import { check, type Scope, type TenantCommand } from './command';
import { COMMANDS } from './commands';
import { reportOf, UsageError } from './errors';
import { EXIT, EXIT_CODE_HELP, type ExitCode } from './exit-code';
import { createOutput, type Streams } from './output';
import { DEFAULT_ENDPOINT, openTarget, TargetOptions } from './target';

export interface Terminal extends Streams {
  /** Calls the listener on Ctrl-C instead of ending the process. Returns how to stop that. */
  onInterrupt(listener: () => void): () => void;
}

/** Runs one command line. Never rejects: what goes wrong is shown, and told by the exit code. */
export async function run(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  let exitCode: ExitCode = EXIT.done;
  const program = new Command('tenantctl')
    .description('Onboards, offboards and reinstates tenants, and shows what is known about them.')
    .option('--target <target>', 'sandbox or aws', 'sandbox')
    .option('--stage <stage>', 'dev, staging or prod', 'dev')
    .option('--endpoint <url>', `where the sandbox runs (default: ${DEFAULT_ENDPOINT})`)
    .option('--json', 'print one JSON document on stdout (progress goes to stderr)')
    .addHelpText(
      'after',
      `\nExit codes:\n${EXIT_CODE_HELP.map(([code, meaning]) => `  ${String(code).padEnd(4)} ${meaning}`).join('\n')}`,
    );
  silence(program, terminal);
  for (const command of COMMANDS) {
    const sub = subcommand(program, command.name.split(' '), terminal).description(command.summary);
    silence(sub, terminal);
    command.configure(sub);
    // Strangers among the arguments are reported together with everything else.
    sub
      .allowUnknownOption()
      .allowExcessArguments()
      .action(async () => {
        exitCode = await perform(command, sub, terminal);
      });
  }
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return EXIT.done;
      // Help in place of a command has been written.
      if (error.code === 'commander.help') return EXIT.unusable;
    }
    const shown = error instanceof CommanderError ? new UsageError([error.message.replace(/^error: /, '')]) : error;
    const { report, exitCode: code } = reportOf(shown);
    createOutput(terminal, { json: args.includes('--json') }).error(report);
    if (terminal.env['TENANTCTL_DEBUG'] && error instanceof Error) terminal.stderr.write(`${error.stack}\n`);
    return code;
  }
}

/** `hold cancel` is the command cancel of the group hold, which is made when its first command is. */
function subcommand(parent: Command, [name = '', ...rest]: readonly string[], terminal: Streams): Command {
  if (rest.length === 0) return parent.command(name);
  const group = parent.commands.find((known) => known.name() === name) ?? parent.command(name);
  silence(group, terminal);
  return subcommand(group, rest, terminal);
}

/** Commander reports by throwing, not by printing and exiting. */
function silence(command: Command, { stdout, stderr }: Streams): void {
  command
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => void stdout.write(text),
      writeErr: (text) => void stderr.write(text),
      outputError: () => {},
    });
}

async function perform<Input>(command: TenantCommand<Input>, sub: Command, terminal: Terminal): Promise<ExitCode> {
  const { target, stage, endpoint, json, ...options } = sub.optsWithGlobals<Record<string, unknown>>();
  const where = check(TargetOptions, { target, stage, endpoint });
  const what = command.parse(options);
  const strangers = sub.args.map((argument) =>
    argument.startsWith('-') ? `${argument}: unknown option` : `"${argument}": unexpected argument`,
  );
  if ('problems' in where || 'problems' in what || strangers.length > 0) {
    const problems = [where, what].flatMap((parsed) => ('problems' in parsed ? parsed.problems : []));
    throw new UsageError([...problems, ...strangers], command.name);
  }
  const scope: Scope = {
    output: createOutput(terminal, { json: json === true }),
    openTarget: () => openTarget(where.input),
    targetArguments: targetArguments(where.input),
    onInterrupt: (listener) => terminal.onInterrupt(listener),
  };
  return await command.run(what.input, scope);
}

function targetArguments({ target, stage, endpoint }: TargetOptions): string {
  const given = [
    target === 'sandbox' ? '' : ` --target ${target}`,
    stage === 'dev' ? '' : ` --stage ${stage}`,
    endpoint === undefined ? '' : ` --endpoint ${endpoint}`,
  ];
  return given.join('');
}
