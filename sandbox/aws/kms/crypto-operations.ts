import { randomBytes } from 'node:crypto';
import type * as kms from '@aws-sdk/client-kms';
import { type Call, type Operation, ServiceError } from '../service';
import type { OnWire } from '../wire';
import { type EncryptionContext, seal, sealedWith, unseal } from './cipher';
import { invalid, required } from './key-operations';
import { type Key, type KeyStore, requireEnabled } from './key-store';

/** Bytes that Encrypt accepts under a symmetric key. */
const PLAINTEXT_LIMIT = 4096;

/** Operations that use key material, really encrypting. */
export function cryptoOperations(store: KeyStore): Record<string, Operation> {
  const dataKey = (input: OnWire<kms.GenerateDataKeyCommandInput>, call: Call) => {
    const key = usableKey(store, required(input.KeyId, 'keyId'), 'GenerateDataKey', call.requestId);
    const plaintext = randomBytes(input.NumberOfBytes ?? (input.KeySpec === 'AES_128' ? 16 : 32));
    return { key, plaintext, blob: seal(key, plaintext, contextOf(input)) };
  };

  return {
    Encrypt(input: OnWire<kms.EncryptCommandInput>, call) {
      const plaintext = Buffer.from(required(input.Plaintext, 'plaintext'), 'base64');
      if (plaintext.length < 1 || plaintext.length > PLAINTEXT_LIMIT) {
        throw invalid('plaintext', `must have length between 1 and ${PLAINTEXT_LIMIT}`);
      }
      const key = usableKey(store, required(input.KeyId, 'keyId'), 'Encrypt', call.requestId);
      return {
        KeyId: key.arn,
        CiphertextBlob: seal(key, plaintext, contextOf(input)),
        EncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
      };
    },

    Decrypt(input: OnWire<kms.DecryptCommandInput>, call) {
      const blob = Buffer.from(required(input.CiphertextBlob, 'ciphertextBlob'), 'base64');
      const sealingKeyId = sealedWith(blob);
      if (input.KeyId !== undefined && store.resolve(input.KeyId).id !== sealingKeyId) {
        throw new ServiceError(
          'IncorrectKeyException',
          'The key ID in the request does not identify a CMK that can perform this operation.',
        );
      }
      const key = usableKey(store, sealingKeyId, 'Decrypt', call.requestId);
      return {
        KeyId: key.arn,
        Plaintext: unseal(key, blob, contextOf(input)),
        EncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
      };
    },

    GenerateDataKey(input: OnWire<kms.GenerateDataKeyCommandInput>, call) {
      const { key, plaintext, blob } = dataKey(input, call);
      return { KeyId: key.arn, Plaintext: plaintext, CiphertextBlob: blob };
    },

    GenerateDataKeyWithoutPlaintext(input: OnWire<kms.GenerateDataKeyWithoutPlaintextCommandInput>, call) {
      const { key, blob } = dataKey(input, call);
      return { KeyId: key.arn, CiphertextBlob: blob };
    },
  };
}

export type KeyUse = 'Encrypt' | 'Decrypt' | 'GenerateDataKey';

/** The key if it can encrypt and decrypt now; remembers the use. Throws KMS's errors otherwise. */
export function usableKey(store: KeyStore, keyId: string, operation: KeyUse, requestId: string): Key {
  const key = store.resolve(keyId);
  requireEnabled(key);
  if (key.usage !== 'ENCRYPT_DECRYPT' || key.spec !== 'SYMMETRIC_DEFAULT') {
    throw new ServiceError('InvalidKeyUsageException', `${key.arn} key usage is ${key.usage}, its spec ${key.spec}`);
  }
  key.lastUsage = { operation, at: store.now, requestId };
  return key;
}

function contextOf(input: { EncryptionContext?: Record<string, string> | undefined }): EncryptionContext {
  return input.EncryptionContext ?? {};
}
