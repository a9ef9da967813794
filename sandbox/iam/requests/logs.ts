import { type Call, ServiceError } from '../../aws/service';
import { type AccessRequest, type AccessTable, arn, EVERYTHING, named, type Surroundings, text } from '../access';
import { type ContextRecord, requestedTags, tagKeys } from '../context';
import { keyUse } from './kms';

const ON_GROUP = [
  'DeleteLogGroup',
  'DeleteRetentionPolicy',
  'DescribeLogStreams',
  'DisassociateKmsKey',
  'FilterLogEvents',
  'PutLogGroupDeletionProtection',
  'PutRetentionPolicy',
];
const ON_STREAM = ['CreateLogStream', 'GetLogEvents', 'PutLogEvents'];
const TAGGING = ['ListTagsForResource', 'TagResource', 'UntagResource'];

/**
 * CloudWatch Logs. The ARN of a group ends in :* in policies for all actions but those on tags, because what is asked for is
 * a stream of it, for actions on the group one without a name [iam-access-control-overview-cwl; the resource in its
 * AccessDenied messages].
 */
export const logs: AccessTable = {
  ...named('logs', ON_GROUP, streams, groupTags),
  ...named('logs', ON_STREAM, streams, groupTags),
  ...named('logs', ['DescribeLogGroups'], (_call, { estate }) => arn(estate, 'logs', 'log-group::log-stream:')),
  ...named('logs', ['DescribeQueries'], EVERYTHING),
  ...named(
    'logs',
    TAGGING,
    (call) => text(call, 'resourceArn').replace(/:\*$/, ''),
    (call) => ({
      ...requestedTags(Object.entries((call.input['tags'] ?? {}) as Record<string, string>)),
    }),
  ),
  /** Tags and a key in the call ask for what setting them later would. */
  CreateLogGroup(call, around) {
    const tags = Object.entries((call.input['tags'] ?? {}) as Record<string, string>);
    const resource = streams(call, around);
    const context = requestedTags(tags);
    const keyId = call.input['kmsKeyId'] as string | undefined;
    return [
      { action: 'logs:CreateLogGroup', resource, context },
      ...(tags.length > 0
        ? [{ action: 'logs:TagResource', resource: resource.replace(/:log-stream:.*$/, ''), context }]
        : []),
      ...(call.input['deletionProtectionEnabled'] === true
        ? [{ action: 'logs:PutLogGroupDeletionProtection', resource, context }]
        : []),
      ...(keyId === undefined
        ? []
        : [{ action: 'logs:AssociateKmsKey', resource, context }, ...serviceKey(around, call, keyId)]),
    ];
  },
  AssociateKmsKey: (call, around) => [
    { action: 'logs:AssociateKmsKey', resource: streams(call, around), context: groupTags(call, around) },
    ...serviceKey(around, call, text(call, 'kmsKeyId')),
  ],
};

function groupName({ input }: Call): string {
  const given = String(input['logGroupName'] ?? input['logGroupIdentifier'] ?? input['resourceIdentifier'] ?? '');
  return given.replace(/^arn:.*:log-group:/, '').replace(/:\*$/, '');
}

function streams(call: Call, { estate }: Surroundings): string {
  return arn(estate, 'logs', `log-group:${groupName(call)}:log-stream:${text(call, 'logStreamName')}`);
}

function groupTags(call: Call, { services }: Surroundings): ContextRecord {
  return tagKeys('aws:ResourceTag', services.logs.group(groupName(call))?.tags ?? []);
}

/** The service uses the key itself, for the group alone [encrypt-log-data-kms]. */
function serviceKey(around: Surroundings, call: Call, keyId: string): AccessRequest[] {
  const { estate } = around;
  return keyUse(around, keyId, 'kms:GenerateDataKey', {
    by: { kind: 'service', name: `logs.${estate.region}.amazonaws.com` },
    encryptionContext: { 'aws:logs:arn': arn(estate, 'logs', `log-group:${groupName(call)}`) },
    refusal: (message) =>
      new ServiceError(
        'InvalidParameterException',
        `The specified KMS Key Id could not be found or is not allowed to be used with this log group. ${message}`,
      ),
  });
}
