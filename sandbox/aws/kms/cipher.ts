import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { ServiceError } from '../service';
import type { Key } from './key-store';

export type EncryptionContext = Readonly<Record<string, string>>;

const KEY_ID_LENGTH = 36;
const IV_LENGTH = 12;
const TAG_LENGTH = 16;

/** Ciphertext blob: key id, IV, tag, ciphertext. The encryption context is authenticated, not stored. */
export function seal(key: Key, plaintext: Buffer, context: EncryptionContext = {}): Buffer {
  const iv = randomBytes(IV_LENGTH);
  const cipher = createCipheriv('aes-256-gcm', key.material, iv);
  cipher.setAAD(canonical(context));
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  return Buffer.concat([Buffer.from(key.id.padEnd(KEY_ID_LENGTH)), iv, cipher.getAuthTag(), ciphertext]);
}

/** The key that a blob names; it need not exist any more. */
export function sealedWith(blob: Buffer): string {
  if (blob.length < KEY_ID_LENGTH + IV_LENGTH + TAG_LENGTH) throw invalidCiphertext();
  return blob.toString('latin1', 0, KEY_ID_LENGTH).trim();
}

export function unseal(key: Key, blob: Buffer, context: EncryptionContext = {}): Buffer {
  const tagStart = KEY_ID_LENGTH + IV_LENGTH;
  const decipher = createDecipheriv('aes-256-gcm', key.material, blob.subarray(KEY_ID_LENGTH, tagStart));
  decipher.setAAD(canonical(context));
  decipher.setAuthTag(blob.subarray(tagStart, tagStart + TAG_LENGTH));
  try {
    return Buffer.concat([decipher.update(blob.subarray(tagStart + TAG_LENGTH)), decipher.final()]);
  } catch {
    throw invalidCiphertext();
  }
}

function canonical(context: EncryptionContext): Buffer {
  return Buffer.from(JSON.stringify(Object.entries(context).sort(([a], [b]) => (a < b ? -1 : 1))));
}

function invalidCiphertext(): ServiceError {
  return new ServiceError(
    'InvalidCiphertextException',
    'The ciphertext is invalid for this key and encryption context',
  );
}
