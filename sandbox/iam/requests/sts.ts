import type { Call } from '../../aws/service';
import { type AccessRequest, type AccessTable, text } from '../access';
import { type ContextRecord, requestedTags, tagKeys } from '../context';

/** AWS STS. Whoever assumes a role needs its trust policy; tags take sts:TagSession there as well [id_session-tags]. */
export const sts: AccessTable = {
  GetCallerIdentity: () => [],
  AssumeRole(call, { directory }) {
    const resource = text(call, 'RoleArn');
    const role = directory.role(resource);
    const tags = sessionTags(call);
    const context: ContextRecord = {
      ...tagKeys('aws:ResourceTag', role?.tags ?? []),
      ...requestedTags(tags),
      'sts:ExternalId': call.input['ExternalId'] as string | undefined,
      'sts:RoleSessionName': text(call, 'RoleSessionName'),
      'sts:TransitiveTagKeys': (call.input['TransitiveTagKeys'] ?? []) as string[],
    };
    // A role that does not exist trusts nobody: the answer does not tell the two apart.
    const policy = {
      policy: role?.trust ?? { name: `role ${resource}, which does not exist`, statements: [] },
      decides: true,
    };
    const asked = (action: string): AccessRequest => ({ action, resource, policy, context });
    return [asked('sts:AssumeRole'), ...(tags.length > 0 ? [asked('sts:TagSession')] : [])];
  },
};

/** As the query protocol writes lists of tags. */
export const sessionTags = ({ input }: Pick<Call, 'input'>): [string, string][] => {
  const tags = input['Tags'];
  return Array.isArray(tags)
    ? tags.map(({ Key, Value }: { Key?: string; Value?: string }) => [String(Key ?? ''), String(Value ?? '')])
    : [];
};
