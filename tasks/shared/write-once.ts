import { GetObjectCommand, PutObjectCommand, type PutObjectCommandInput, S3Client } from '@aws-sdk/client-s3';
import { isNamed } from './aws-errors';
import { REPEATABLE } from './clients';

const s3 = new S3Client(REPEATABLE);

/**
 * Puts an object only where none is: the audit bucket has Object Lock and versions, so a second put would silently add a
 * second locked version. False when one stands there, be it by an earlier attempt whose answer was lost.
 * Source: conditional writes, S3 user guide.
 */
export async function writeOnce(object: Omit<PutObjectCommandInput, 'IfNoneMatch'>): Promise<boolean> {
  try {
    await s3.send(new PutObjectCommand({ ...object, IfNoneMatch: '*' }));
    return true;
  } catch (error) {
    if (!isNamed(error, 'PreconditionFailed')) throw error;
    return false;
  }
}

/** As writeOnce. What stands under the key in the end: the body, or what an earlier attempt wrote, which is what counts. */
export async function whatIsWritten(
  object: Omit<PutObjectCommandInput, 'IfNoneMatch' | 'Body' | 'Bucket' | 'Key'> & {
    readonly Bucket: string;
    readonly Key: string;
    readonly Body: string;
  },
): Promise<string> {
  return (await writeOnce(object)) ? object.Body : readText(object.Bucket, object.Key);
}

/** An object's text. */
export async function readText(Bucket: string, Key: string): Promise<string> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }));
  return (await Body?.transformToString()) ?? '';
}
