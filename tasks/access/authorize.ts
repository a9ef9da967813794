import {
  type AuthorizationAnswer,
  preparsePolicySet,
  preparseSchema,
  statefulIsAuthorized,
} from '@cedar-policy/cedar-wasm/nodejs';
import type { PermissionName } from './catalogue';
import { ACTION_TYPE, POLICIES, RESOURCE_TYPE, SCHEMA, USER_TYPE } from './policies';

/** Who asks: a user in the tenant of their verified token, with what their roles permit there. */
export interface Principal {
  readonly sub: string;
  readonly tenantId: string;
  readonly permissions: readonly string[];
}

/** What it is to be done to. The tenant is that of the record as loaded, never one that the request names. */
export interface Resource {
  /** For example `role`. */
  readonly type: string;
  readonly id: string;
  readonly tenantId: string;
}

export interface Decision {
  readonly allowed: boolean;
  /** Ids of the policies that decided, or what went wrong; for logs. */
  readonly reasons: readonly string[];
}

/**
 * Decides whether a user may do something in their tenant. Never rejects: what cannot be decided is denied. Here Cedar runs
 * in the function; IsAuthorized of Amazon Verified Permissions takes the same principal, action, resource and attributes.
 */
export interface Authorizer {
  decide(principal: Principal, action: PermissionName, resource: Resource): Promise<Decision>;
}

/** Policies and schema are kept by the engine, by name. */
let parsed = 0;

function parse(schema: string, policies: Readonly<Record<string, string>>): { readonly name: string } | Decision {
  parsed += 1;
  const name = `policies-${parsed}`;
  try {
    for (const answer of [preparseSchema(name, schema), preparsePolicySet(name, { staticPolicies: { ...policies } })])
      if (answer.type === 'failure') return deniedBy(answer.errors);
    return { name };
  } catch (error) {
    return deniedBy([error]);
  }
}

/**
 * Cedar in this process. The caller gives the attributes, so nothing is read and nothing is cached between decisions. The
 * policies are parsed here and not with the first decision: outside of a handler Lambda gives a cold start more CPU.
 * @param schema and policies are those of policies.ts; others are for tests
 */
export function cedarAuthorizer({ schema = SCHEMA, policies = POLICIES } = {}): Authorizer {
  const engine = parse(schema, policies);

  return {
    async decide({ sub, tenantId, permissions }, action, resource) {
      if (!('name' in engine)) return engine;
      try {
        const user = { type: USER_TYPE, id: sub };
        const target = { type: RESOURCE_TYPE, id: `${resource.type}/${resource.id}` };
        return decisionOf(
          statefulIsAuthorized({
            principal: user,
            action: { type: ACTION_TYPE, id: action },
            resource: target,
            context: {},
            preparsedSchemaName: engine.name,
            preparsedPolicySetId: engine.name,
            // Refuses an action or attribute that the schema does not know.
            validateRequest: true,
            entities: [
              { uid: user, attrs: { tenant: tenantId, permissions: [...permissions] }, parents: [] },
              { uid: target, attrs: { tenant: resource.tenantId }, parents: [] },
            ],
          }),
        );
      } catch (error) {
        return deniedBy([error]);
      }
    },
  };
}

/** Cedar skips a policy that fails to evaluate, a forbid too: so any error is a denial, whatever the decision says. */
export function decisionOf(answer: AuthorizationAnswer): Decision {
  if (answer.type === 'failure') return deniedBy(answer.errors);
  const { decision, diagnostics } = answer.response;
  if (diagnostics.errors.length > 0) return deniedBy(diagnostics.errors.map(({ error }) => error));
  return { allowed: decision === 'allow', reasons: diagnostics.reason };
}

const deniedBy = (errors: readonly unknown[]): Decision => ({
  allowed: false,
  reasons: errors.map((error) => (error as { readonly message?: string }).message ?? String(error)),
});
