/**
 * Stands in for the package semver in task bundles. Only `captureAWS` of the X-Ray SDK uses it, to look at the version of an
 * SDK v2 that no task has; evaluating it would take a tenth of a cold start's own time.
 */
export function gte(): never {
  throw new Error('this bundle holds no semver: see infra/constructs/task-bundle.ts');
}
