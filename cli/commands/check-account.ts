import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { TenantId } from '../../tasks/shared/tenant';
import { ACCOUNT_CHECKS, type Verdict } from '../account-checks';
import { check, defineCommand, withProblems } from '../command';
import { EXIT } from '../exit-code';
import { type Colors, table } from '../output';

const Tokens = z.looseObject({ idToken: z.jwt(), accessToken: z.jwt(), refreshToken: z.string().min(1) });
const Input = z.strictObject({ tenantId: TenantId, tokens: Tokens.optional(), ingest: z.boolean().default(false) });

/** What isolation takes for granted and only an account can tell: looked at, one by one. */
export const checkAccount = defineCommand<z.output<typeof Input>>({
  name: 'check-account',
  summary: 'Check in the account itself what the isolation of tenants takes for granted; exit code 1 if one fails.',

  configure(command) {
    command
      .option('--tenant-id <id>', 'a tenant made for this, ACTIVE; premium to look at the knowledge base too')
      .option('--tokens <file>', 'JSON with idToken, accessToken and refreshToken of a signed-in member')
      .option('--ingest', 'also run an ingestion job, which costs');
  },

  parse({ tokens: file, ...options }) {
    if (typeof file !== 'string') return check(Input, options);
    const read = readTokens(file);
    return 'problem' in read
      ? withProblems(check(Input, options), [read.problem])
      : check(Input, { ...options, tokens: read.tokens });
  },

  async run({ tenantId, tokens, ingest }, { output, openTarget }) {
    const account = await (await openTarget()).account(tenantId);
    const verdicts: (Verdict & { readonly check: string; readonly assumption: string })[] = [];
    for (const { name, assumption, run } of ACCOUNT_CHECKS) {
      verdicts.push({ check: name, assumption, ...(await looked(() => run({ ...account, tokens, ingest }))) });
    }
    output.result({ tenantId, checks: verdicts }, lines(verdicts, output.colors));
    return verdicts.some(({ result }) => result === 'FAIL') ? EXIT.refused : EXIT.done;
  },
});

/** A check that cannot be carried out has not passed; the others go on. */
async function looked(run: () => Promise<Verdict>): Promise<Verdict> {
  try {
    return await run();
  } catch (error) {
    return { result: 'FAIL', detail: error instanceof Error ? `${error.name}: ${error.message}` : String(error) };
  }
}

function readTokens(file: string): { readonly tokens: unknown } | { readonly problem: string } {
  try {
    const { success, data } = Tokens.safeParse(JSON.parse(readFileSync(file, 'utf8')));
    return success ? { tokens: data } : { problem: '--tokens: needs idToken, accessToken and refreshToken' };
  } catch (error) {
    // Not the file's content: it may hold tokens all the same.
    return { problem: `--tokens: ${error instanceof SyntaxError ? 'is no JSON' : (error as Error).message}` };
  }
}

function lines(verdicts: readonly (Verdict & { check: string; assumption: string })[], colors: Colors): string[] {
  const count = (result: Verdict['result']) => verdicts.filter((verdict) => verdict.result === result).length;
  return [
    ...table(
      ['CHECK', 'RESULT', 'SEEN'],
      verdicts.map(({ check: name, result, detail }) => [name, result, detail]),
      colors,
    ),
    '',
    ...verdicts
      .filter(({ result }) => result !== 'PASS')
      .map(({ result, assumption }) => `  ${result === 'FAIL' ? colors.red('✗') : '–'} ${assumption}`),
    `${count('PASS')} pass, ${count('FAIL')} fail, ${count('NOT RUN')} not run`,
  ];
}
