import type { z } from 'zod/mini';
import { defineTask, type TaskScope } from '../shared/define-task';
import { METRICS } from '../shared/metrics';
import { doctorReportKey, executionNameOf } from '../shared/names';
import { summarizeExamination as contract } from './contract';
import { type DoctorReport, FINDING_KINDS, type Finding, type TenantFindings } from './finding';
import { putOnce, readParts } from './parts';

/** Puts together what the examination found, as one report in the audit bucket, and emits its counts. */
export async function summarizeExamination(
  { walk, executionArn, startedAt }: z.output<typeof contract.input>,
  { env, measure }: TaskScope<never>,
) {
  const parts = await readParts(env.AUDIT_BUCKET, { executionArn, startedAt });
  const tenants = parts.flatMap((part): readonly TenantFindings[] => ('tenants' in part ? part.tenants : []));
  const account = parts.flatMap((part): readonly Finding[] => ('account' in part ? part.account : []));
  const all = [...account, ...tenants.flatMap(({ findings }) => findings)];
  const counts = Object.fromEntries(
    FINDING_KINDS.map((kind) => [kind, all.filter((finding) => finding.kind === kind).length]),
  );
  const { examined, unexamined } = walk;
  const key = doctorReportKey(executionArn, startedAt);
  const report: DoctorReport = {
    schemaVersion: 1,
    execution: executionNameOf(executionArn),
    startedAt,
    examined,
    unexamined,
    counts,
    tenants: [...tenants],
    account: [...account],
  };
  await putOnce(env.AUDIT_BUCKET, key, report);
  // An examination of one tenant says nothing about the others. Also zeros: a silent gauge and a healthy one are two things.
  if (walk.wholeEstate) {
    for (const [kind, count] of Object.entries(counts)) measure({ [METRICS.doctorFindings]: count }, { kind });
    measure({ [METRICS.orphanedKeys]: counts['orphaned'] ?? 0 });
  }
  return { report: key, examined, unexamined, findings: all.length, counts };
}

export const handler = defineTask(contract, summarizeExamination);
