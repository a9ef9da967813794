import {
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  type ListObjectVersionsCommandOutput,
  type MultipartUpload,
  type ObjectIdentifier,
  S3Client,
} from '@aws-sdk/client-s3';
import { REPEATABLE } from '../shared/clients';

export const s3 = new S3Client(REPEATABLE);

/** Most that one list call gives and one DeleteObjects call takes [S3 API]. */
const PAGE = 1000;

/**
 * The first page of what is below a prefix: versions and delete markers alike. The prefix ends in a slash. A page may be
 * empty and still not be the last.
 */
export async function firstVersions(Bucket: string, Prefix: string): Promise<readonly ObjectIdentifier[]> {
  let from: { KeyMarker?: string; VersionIdMarker?: string } | undefined = {};
  while (from !== undefined) {
    const page: ListObjectVersionsCommandOutput = await s3.send(
      new ListObjectVersionsCommand({ Bucket, Prefix, MaxKeys: PAGE, ...from }),
    );
    const found = [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])];
    if (found.length > 0) return found.map(({ Key, VersionId }) => ({ Key, VersionId }));
    const { IsTruncated, NextKeyMarker, NextVersionIdMarker } = page;
    from =
      IsTruncated === true && NextKeyMarker !== undefined
        ? { KeyMarker: NextKeyMarker, ...(NextVersionIdMarker && { VersionIdMarker: NextVersionIdMarker }) }
        : undefined;
  }
  return [];
}

/** Uploads that were never completed: invisible to other lists, and billed. */
export async function firstUploads(Bucket: string, Prefix: string): Promise<readonly MultipartUpload[]> {
  return (await s3.send(new ListMultipartUploadsCommand({ Bucket, Prefix, MaxUploads: PAGE }))).Uploads ?? [];
}
