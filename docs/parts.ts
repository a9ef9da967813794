import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ACCOUNT_CHECKS } from '../cli/account-checks';
import { FLAGS } from '../cli/commands/audit-query';
import { EXIT_CODE_HELP } from '../cli/exit-code';
import { CONTRACTS } from '../infra/contracts';
import { QUERY_NAMES, SAVED_QUERIES, type SavedQuery } from '../infra/saved-queries';
import { taskPermissions } from '../infra/task-permissions';
import { offboardTenant } from '../state-machines/offboard-tenant';
import { onboardTenant } from '../state-machines/onboard-tenant';
import { reinstateTenant } from '../state-machines/reinstate-tenant';
import { RETRIES } from '../state-machines/retry';
import { TENANT_RESOURCES } from '../tasks/resources';
import type { Permission, Platform, TaskContract } from '../tasks/shared/contract';
import { ERRORS } from '../tasks/shared/errors';
import {
  type App,
  auditLogGroupName,
  auditPrefix,
  dataSourceName,
  documentPrefix,
  groupName,
  keyAlias,
  knowledgeBaseName,
  partitionKey,
  storageMarkerKey,
  storagePrefix,
  vectorIndexName,
} from '../tasks/shared/names';
import { definitionOf, type Machine, mermaid, taskStates } from './diagram';
import { smoothMoves, statusDiagram } from './statuses';

const ROOT = join(__dirname, '..');

/** Stands for every app, stage and tenant in tables of names. */
const APP: App = { name: '<app>', stage: '<stage>' };
const TENANT = '<id>';

/** The parts of the documents that come from code, by the name in their marker. */
export const PARTS: Readonly<Record<string, () => string>> = {
  'onboard-tenant diagram': () => fenced('mermaid', mermaid(definitionOf(onboardTenant))),
  'offboard-tenant diagram': () => fenced('mermaid', mermaid(definitionOf(offboardTenant))),
  'reinstate-tenant diagram': () => fenced('mermaid', mermaid(definitionOf(reinstateTenant))),
  'onboard-tenant tasks': () => taskTable(onboardTenant),
  'offboard-tenant tasks': () => taskTable(offboardTenant),
  'reinstate-tenant tasks': () => taskTable(reinstateTenant),
  'status diagram': () => fenced('mermaid', statusDiagram()),
  'status diagram without failures': () => fenced('mermaid', statusDiagram(smoothMoves)),
  errors: errorTable,
  names: nameTable,
  permissions: permissionTable,
  'saved queries': queryTable,
  'account checks': () =>
    table(
      ['Check', 'What is taken for granted'],
      ACCOUNT_CHECKS.map(({ name, assumption }) => [`\`${name}\``, assumption]),
    ),
  'exit codes': () =>
    table(
      ['Exit code', 'Meaning'],
      EXIT_CODE_HELP.map(([code, meaning]) => [String(code), meaning]),
    ),
};

function queryTable(): string {
  const rows = QUERY_NAMES.map((name) => {
    const { answers, parameters }: SavedQuery = SAVED_QUERIES[name];
    return [`\`${name}\``, answers, parameters.map((parameter) => `\`${FLAGS[parameter.name]}\``).join(' ')];
  });
  return table(['Query', 'What it answers', 'Needs'], rows);
}

/** Task states of a machine, in order. */
function taskTable(machine: Machine): string {
  const rows = taskStates(definitionOf(machine)).map(({ stateName, functionName }) => {
    const contract = CONTRACTS.find(({ name }) => name === functionName);
    if (contract === undefined) throw new Error(`no contract has the name ${functionName}, of ${stateName}`);
    const tiers = TENANT_RESOURCES.find(({ provision }) => provision.stateName === stateName)?.tiers;
    return [
      `[${stateName}](tasks/${contract.entry}.ts)${tiers === undefined ? '' : ` (${tiers.join(', ')})`}`,
      effectOf(contract),
      contract.repeatable,
    ];
  });
  return table(['Step', 'What it does', 'Why it is safe to repeat'], rows);
}

/** First sentence of the doc comment of the task's function. */
export function effectOf({ entry }: Pick<TaskContract, 'entry'>): string {
  const source = readFileSync(join(ROOT, `tasks/${entry}.ts`), 'utf8');
  const comment = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*export async function/.exec(source)?.[1];
  if (comment === undefined) throw new Error(`tasks/${entry}.ts: the exported function has no doc comment`);
  const text = comment
    .replace(/^\s*\* ?/gm, '')
    .replace(/\s+/g, ' ')
    .trim();
  return /^.*?[.](?= |$)/.exec(text)?.[0] ?? text;
}

function errorTable(): string {
  const attempts = new Map(
    RETRIES.flatMap(({ errors = [], maxAttempts = 3 }) => errors.map((name) => [name, maxAttempts])),
  );
  const rows = ERRORS.map((ErrorType) => {
    const { name, errorClass, nextAction } = new ErrorType('');
    const retries = attempts.get(name) ?? 0;
    return [`\`${name}\``, errorClass, retries === 0 ? 'no' : `up to ${retries} times`, nextAction];
  });
  return table(['Error', 'Class', 'Retried by the machine', 'Next action'], rows);
}

function nameTable(): string {
  const code = (text: string): string => `\`${text}\``;
  const rows: Readonly<Record<string, string>> = {
    'encryption-key': `KMS alias ${code(keyAlias(APP, TENANT))}; the key id is in the ledger`,
    'data-partition': `partition key ${code(partitionKey(TENANT))} in the tenant data table`,
    'storage-prefix': `prefix ${code(storagePrefix(TENANT))} in the tenant data bucket, opened by ${code(storageMarkerKey(TENANT))}`,
    'vector-index': `index ${code(vectorIndexName(TENANT))} on the shared domain`,
    'knowledge-base': `knowledge base ${code(knowledgeBaseName(APP, TENANT))}, data source ${code(dataSourceName(TENANT))} over ${code(documentPrefix(TENANT))}`,
    'user-group': `group ${code(groupName(TENANT))} in the user pool`,
    'first-admin': `user of the pool with ${code('custom:tenant_id')} = ${code(TENANT)}; the ledger holds its sub`,
    'audit-log': `log group ${code(auditLogGroupName(APP, TENANT))}; audit records under ${code(auditPrefix(TENANT))} in the audit bucket`,
  };
  return table(
    ['Resource', 'Physical name', 'Tiers', 'After'],
    TENANT_RESOURCES.map(({ type, tiers, after }) => {
      const name = rows[type];
      if (name === undefined) throw new Error(`docs/parts.ts: add the physical name of ${type}`);
      return [code(type), name, tiers?.join(', ') ?? 'all', after === undefined ? 'Check quotas' : code(after)];
    }),
  );
}

/** Words for what CDK knows as tokens. */
const PLATFORM: Platform = {
  app: APP,
  partition: 'aws',
  region: '<region>',
  account: '<account>',
  onboardStateMachineArn: 'onboard-tenant',
  offboardStateMachineArn: 'offboard-tenant',
  reinstateStateMachineArn: 'reinstate-tenant',
  registryTableArn: 'registry table',
  auditBucketArn: 'audit bucket',
  auditKeyArn: 'platform audit key',
  dataTableArn: 'tenant data table',
  membershipTableArn: 'membership table',
  dataBucketArn: 'tenant data bucket',
  userPoolArn: 'user pool',
  vectorDomainArn: 'vector domain',
  knowledgeBaseRoleArn: 'knowledge base role',
  tenantAccessRoleArn: 'tenant access role',
};

function permissionTable(): string {
  const keys = { registryKeyArn: 'registry key', dataKeyArn: 'data key' };
  const rows = CONTRACTS.flatMap((contract) =>
    taskPermissions(contract, PLATFORM, keys).map((permission, position) => [
      position === 0 ? `\`${contract.name}\`` : '',
      permission.actions.map((action) => `\`${action}\``).join(' '),
      permission.resources.map((resource) => `\`${resource}\``).join(' '),
      conditionsOf(permission),
    ]),
  );
  return table(['Function', 'May call', 'On', 'Only if'], rows);
}

const conditionsOf = ({ conditions = {} }: Permission): string =>
  Object.entries(conditions)
    .flatMap(([operator, keys]) =>
      Object.entries(keys).map(([key, value]) =>
        operator === 'Null'
          ? `\`${key}\` is ${value === 'false' ? 'present' : 'absent'}`
          : `\`${key}\` is \`${[value].flat().join('` or `')}\``,
      ),
    )
    .join(', ');

const fenced = (language: string, body: string): string => `\`\`\`${language}\n${body}\n\`\`\``;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

const LANGUAGES: Readonly<Record<string, string>> = { ts: 'ts', json: 'json', sh: 'sh' };

/** `<!-- generated: tasks -->` or `<!-- file: docs/examples/x.ts -->`, up to `<!-- end -->`. */
const MARKED = /<!-- (generated|file): (.+?) -->\n[\s\S]*?<!-- end -->/g;

/**
 * The page with every marked part as it must be now.
 * @param folder folder of the page below the root, '' for the root: links in generated parts start from there
 */
export function rendered(page: string, folder: string): string {
  return page.replace(MARKED, (_marked, kind: string, name: string) => {
    const body = kind === 'file' ? included(name) : generated(name, folder);
    return `<!-- ${kind}: ${name} -->\n${body}\n<!-- end -->`;
  });
}

function included(path: string): string {
  const language = LANGUAGES[path.slice(path.lastIndexOf('.') + 1)] ?? 'text';
  return fenced(language, readFileSync(join(ROOT, path), 'utf8').trimEnd());
}

function generated(name: string, folder: string): string {
  const part = PARTS[name];
  if (part === undefined)
    throw new Error(`there is no generated part "${name}"; there are ${Object.keys(PARTS).join(', ')}`);
  const up = folder === '' ? '' : '../'.repeat(folder.split('/').length);
  return part().replaceAll('](tasks/', `](${up}tasks/`);
}
