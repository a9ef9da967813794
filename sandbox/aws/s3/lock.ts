import { ServiceError } from '../service';
import type { Bucket, Retention, Version } from './bucket';
import type { S3Input, S3Operation } from './requests';
import { accessDenied, type Store } from './store';
import { malformedXml, parseXml, xmlResponse } from './xml';

const DAY = 24 * 60 * 60 * 1000;

/** Retention and legal hold of a new version: as asked for, else the bucket's default. */
export function lockFor(bucket: Bucket, input: S3Input, now: number): Pick<Version, 'retention' | 'legalHold'> {
  const asked = input.ObjectLockMode ?? input.ObjectLockRetainUntilDate ?? input.ObjectLockLegalHoldStatus;
  if (asked !== undefined) requireLock(bucket);
  const legalHold = input.ObjectLockLegalHoldStatus === 'ON';
  if (input.ObjectLockMode !== undefined || input.ObjectLockRetainUntilDate !== undefined) {
    return { legalHold, retention: retentionOf(input.ObjectLockMode, input.ObjectLockRetainUntilDate, now) };
  }
  const preset = bucket.objectLock?.defaultRetention;
  return preset === undefined
    ? { legalHold }
    : { legalHold, retention: { mode: preset.mode, until: now + preset.days * DAY } };
}

/** Refuses to remove a version that a legal hold or an unexpired retention protects. */
export function requireRemovable(version: Version, bypassesGovernance: boolean, now: number): void {
  const { retention } = version;
  const isRetained =
    retention !== undefined && retention.until > now && !(retention.mode === 'GOVERNANCE' && bypassesGovernance);
  if (version.legalHold || isRetained) throw accessDenied('Access Denied because object protected by object lock.');
}

export function lockHeaders({ retention, legalHold }: Version): Record<string, string> {
  return {
    ...(retention === undefined
      ? {}
      : {
          'x-amz-object-lock-mode': retention.mode,
          'x-amz-object-lock-retain-until-date': new Date(retention.until).toISOString(),
        }),
    ...(legalHold ? { 'x-amz-object-lock-legal-hold': 'ON' } : {}),
  };
}

export function lockOperations(store: Store): Record<string, S3Operation> {
  const lockable = (input: S3Input): Version => {
    requireLock(store.bucket(input));
    return store.version(input);
  };

  return {
    GetObjectLockConfiguration(input) {
      const { objectLock } = store.bucket(input);
      if (objectLock === undefined) {
        throw new ServiceError(
          'ObjectLockConfigurationNotFoundError',
          'Object Lock configuration does not exist for this bucket',
          404,
        );
      }
      const preset = objectLock.defaultRetention;
      const rule = preset && { DefaultRetention: { Mode: preset.mode, Days: preset.days } };
      return xmlResponse('ObjectLockConfiguration', { ObjectLockEnabled: 'Enabled', Rule: rule });
    },

    GetObjectRetention(input) {
      const { retention } = lockable(input);
      if (retention === undefined) throw noLock();
      return xmlResponse('Retention', { Mode: retention.mode, RetainUntilDate: new Date(retention.until) });
    },

    /** May prolong; shortening needs governance mode and the bypass header. */
    PutObjectRetention(input, { body }) {
      const version = lockable(input);
      const { Mode, RetainUntilDate } = parseXml(body, 'Retention');
      const retention = retentionOf(text(Mode), text(RetainUntilDate), store.now);
      const isLooser =
        version.retention !== undefined &&
        (retention.until < version.retention.until ||
          (version.retention.mode === 'COMPLIANCE' && retention.mode !== 'COMPLIANCE'));
      if (isLooser)
        requireRemovable({ ...version, legalHold: false }, input.BypassGovernanceRetention ?? false, store.now);
      version.retention = retention;
      return { status: 200 };
    },

    GetObjectLegalHold: (input) => xmlResponse('LegalHold', { Status: lockable(input).legalHold ? 'ON' : 'OFF' }),

    PutObjectLegalHold(input, { body }) {
      const version = lockable(input);
      const { Status } = parseXml(body, 'LegalHold');
      if (Status !== 'ON' && Status !== 'OFF') throw malformedXml();
      version.legalHold = Status === 'ON';
      return { status: 200 };
    },
  };
}

function retentionOf(mode: string | undefined, until: string | undefined, now: number): Retention {
  if ((mode !== 'GOVERNANCE' && mode !== 'COMPLIANCE') || until === undefined) {
    throw new ServiceError(
      'InvalidArgument',
      'x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied',
    );
  }
  const instant = Date.parse(until);
  if (!(instant > now)) {
    throw new ServiceError('InvalidArgument', 'The retain until date must be in the future!');
  }
  return { mode, until: instant };
}

function requireLock({ objectLock }: Bucket): void {
  if (objectLock === undefined) {
    throw new ServiceError('InvalidRequest', 'Bucket is missing Object Lock Configuration');
  }
}

function noLock(): ServiceError {
  return new ServiceError(
    'NoSuchObjectLockConfiguration',
    'The specified object does not have a ObjectLock configuration',
    404,
  );
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
