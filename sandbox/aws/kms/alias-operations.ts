import type * as kms from '@aws-sdk/client-kms';
import { pageOf } from '../paging';
import { type Operation, ServiceError } from '../service';
import type { OnWire } from '../wire';
import { invalid, invalidMarker, pageRequest, required, truncation } from './key-operations';
import { type KeyStore, requireNotPendingDeletion } from './key-store';

/** Aliases per key, also the most that kms:ResourceAliases can decide on. */
const ALIASES_PER_KEY = 50;

/** Operations on aliases: the only unique name that KMS knows. */
export function aliasOperations(store: KeyStore): Record<string, Operation> {
  return {
    CreateAlias(input: OnWire<kms.CreateAliasCommandInput>) {
      const name = aliasName(input.AliasName);
      const key = store.get(targetKeyId(input.TargetKeyId));
      requireNotPendingDeletion(key);
      if (store.aliases().filter(({ targetKeyId }) => targetKeyId === key.id).length >= ALIASES_PER_KEY) {
        throw new ServiceError('LimitExceededException', `${key.arn} has ${ALIASES_PER_KEY} aliases already`);
      }
      store.addAlias(name, key);
    },

    /** The key that loses the alias may be pending deletion, the one that gets it may not. */
    UpdateAlias(input: OnWire<kms.UpdateAliasCommandInput>) {
      const alias = store.alias(aliasName(input.AliasName));
      const key = store.get(targetKeyId(input.TargetKeyId));
      requireNotPendingDeletion(key);
      alias.targetKeyId = key.id;
      alias.updatedAt = store.now;
    },

    DeleteAlias(input: OnWire<kms.DeleteAliasCommandInput>) {
      store.removeAlias(aliasName(input.AliasName));
    },

    ListAliases(input: OnWire<kms.ListAliasesCommandInput>) {
      const key = input.KeyId === undefined ? undefined : store.get(input.KeyId);
      const aliases = store.aliases().filter(({ targetKeyId }) => key === undefined || targetKeyId === key.id);
      const { items, next } = pageOf(aliases, ({ name }) => name, pageRequest(input, 50), invalidMarker);
      return {
        Aliases: items.map((alias) => ({
          AliasName: alias.name,
          AliasArn: alias.arn,
          TargetKeyId: alias.targetKeyId,
          CreationDate: new Date(alias.createdAt),
          LastUpdatedDate: new Date(alias.updatedAt),
        })),
        ...truncation(next),
      };
    },
  };
}

function aliasName(name: string | undefined): string {
  const given = required(name, 'aliasName');
  if (given.length > 256) throw invalid('aliasName', 'must have length less than or equal to 256');
  if (!given.startsWith('alias/') || given === 'alias/')
    throw new ServiceError('ValidationException', 'Invalid identifier');
  if (given.startsWith('alias/aws/'))
    throw new ServiceError('NotAuthorizedException', 'alias/aws/ is reserved for AWS');
  if (!/^alias\/[a-zA-Z0-9/_-]+$/.test(given)) {
    throw new ServiceError('InvalidAliasNameException', `${given} contains invalid characters for an alias`);
  }
  return given;
}

function targetKeyId(keyId: string | undefined): string {
  const given = required(keyId, 'targetKeyId');
  if (/(^|:)alias\//.test(given)) {
    throw new ServiceError('ValidationException', 'Aliases must refer to keys. Not aliases');
  }
  return given;
}
