import { createHash, randomBytes } from 'node:crypto';
import { ServiceError } from '../service';
import { type Bucket, etagOf, type Upload } from './bucket';
import { encoder, pageSize } from './listing';
import { lockFor } from './lock';
import { encryptionHeaders, requireConditions, storedHeaders, tagsOf, versionHeaders } from './objects';
import type { S3Input, S3Operation } from './requests';
import type { Store } from './store';
import { malformedXml, parseXml, xmlResponse } from './xml';

export function multipartOperations(store: Store): Record<string, S3Operation> {
  return {
    CreateMultipartUpload(input, request) {
      const bucket = store.bucket(input);
      lockFor(bucket, input, store.now);
      const upload: Upload = {
        uploadId: randomBytes(24).toString('base64url'),
        key: input.Key ?? '',
        initiated: store.now,
        headers: storedHeaders(request),
        encryption: store.encryptionFor(bucket, input),
        tags: tagsOf(input),
        lock: input,
        parts: new Map(),
      };
      bucket.uploads.set(upload.uploadId, upload);
      const answer = xmlResponse('InitiateMultipartUploadResult', {
        Bucket: bucket.name,
        Key: upload.key,
        UploadId: upload.uploadId,
      });
      return { ...answer, headers: { ...answer.headers, ...encryptionHeaders(upload.encryption) } };
    },

    UploadPart(input, { body }) {
      const upload = uploadOf(store.bucket(input), input);
      const etag = etagOf(body);
      upload.parts.set(input.PartNumber ?? 1, { body, etag });
      return { status: 200, headers: { etag, ...encryptionHeaders(upload.encryption) } };
    },

    CompleteMultipartUpload(input, { body }) {
      const bucket = store.bucket(input);
      const upload = uploadOf(bucket, input);
      requireConditions(bucket, upload.key, input);
      const parts = listedParts(body).map(({ PartNumber, ETag }) => {
        const part = upload.parts.get(Number(PartNumber));
        if (part === undefined || part.etag.replaceAll('"', '') !== ETag?.replaceAll('"', '')) {
          throw new ServiceError('InvalidPart', 'One or more of the specified parts could not be found.');
        }
        return part;
      });
      const digests = parts.map(({ etag }) => Buffer.from(etag.replaceAll('"', ''), 'hex'));
      const etag = `"${createHash('md5').update(Buffer.concat(digests)).digest('hex')}-${parts.length}"`;
      const content = {
        body: Buffer.concat(parts.map((part) => part.body)),
        etag,
        headers: upload.headers,
        encryption: upload.encryption,
        tags: upload.tags,
      };
      const version = bucket.add(upload.key, {
        content,
        lastModified: store.now,
        ...lockFor(bucket, upload.lock, store.now),
      });
      bucket.uploads.delete(upload.uploadId);
      const answer = xmlResponse('CompleteMultipartUploadResult', { Bucket: bucket.name, Key: upload.key, ETag: etag });
      return { ...answer, headers: { ...answer.headers, ...versionHeaders(bucket, version) } };
    },

    AbortMultipartUpload(input) {
      const bucket = store.bucket(input);
      bucket.uploads.delete(uploadOf(bucket, input).uploadId);
      return { status: 204 };
    },

    ListMultipartUploads(input) {
      const bucket = store.bucket(input);
      const encode = encoder(input);
      const limit = pageSize(input.MaxUploads);
      const uploads = [...bucket.uploads.values()]
        .filter(({ key }) => key.startsWith(input.Prefix ?? ''))
        .sort((a, b) => (order(a) < order(b) ? -1 : 1))
        .filter((upload) => isAfterMarker(upload, input));
      const page = uploads.slice(0, limit);
      const isTruncated = uploads.length > page.length;
      const last = page.at(-1);
      return xmlResponse('ListMultipartUploadsResult', {
        Bucket: bucket.name,
        Prefix: encode(input.Prefix ?? ''),
        EncodingType: input.EncodingType,
        MaxUploads: limit,
        IsTruncated: isTruncated,
        NextKeyMarker: isTruncated && last !== undefined ? encode(last.key) : undefined,
        NextUploadIdMarker: isTruncated ? last?.uploadId : undefined,
        Upload: page.map(({ key, uploadId, initiated }) => ({
          Key: encode(key),
          UploadId: uploadId,
          Initiated: new Date(initiated),
          StorageClass: 'STANDARD',
        })),
      });
    },
  };
}

function uploadOf(bucket: Bucket, { Key: key, UploadId: uploadId = '' }: S3Input): Upload {
  const upload = bucket.uploads.get(uploadId);
  if (upload === undefined || upload.key !== key) {
    throw new ServiceError(
      'NoSuchUpload',
      'The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.',
      404,
      { UploadId: uploadId },
    );
  }
  return upload;
}

function listedParts(body: Buffer): { readonly PartNumber?: string; readonly ETag?: string }[] {
  const parts = parseXml(body, 'CompleteMultipartUpload')['Part'];
  if (!Array.isArray(parts) || parts.length === 0) throw malformedXml();
  return parts as { PartNumber?: string; ETag?: string }[];
}

function order({ key, initiated, uploadId }: Upload): string {
  return `${key}\0${String(initiated).padStart(16, '0')}\0${uploadId}`;
}

function isAfterMarker(upload: Upload, { KeyMarker, UploadIdMarker }: S3Input): boolean {
  if (KeyMarker === undefined || upload.key > KeyMarker) return true;
  return upload.key === KeyMarker && UploadIdMarker !== undefined && upload.uploadId > UploadIdMarker;
}
