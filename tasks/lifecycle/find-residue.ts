import { dataPartitionResidue } from '../data-partition/residue';
import { knowledgeBaseResidue } from '../knowledge-base/residue';
import { TEARDOWN, type TeardownType } from '../resources';
import type { EnvironmentName } from '../shared/contract';
import type { FindResidue, ResidueSearch } from '../shared/residue';
import { storagePrefixResidue } from '../storage-prefix/residue';
import { userGroupResidue } from '../user-group/residue';
import { vectorIndexResidue } from '../vector-index/residue';

/** The compiler asks for one of each type that is destroyed before. */
const RESIDUE: Readonly<Record<TeardownType, FindResidue<EnvironmentName>>> = {
  'knowledge-base': knowledgeBaseResidue,
  'vector-index': vectorIndexResidue,
  'storage-prefix': storagePrefixResidue,
  'data-partition': dataPartitionResidue,
  'user-group': userGroupResidue,
};

export interface Residue {
  readonly resource: TeardownType;
  /** One clause. */
  readonly message: string;
}

/** Lists every store that is destroyed, anew. */
export async function findResidue(search: ResidueSearch<EnvironmentName>): Promise<readonly Residue[]> {
  const found = await Promise.all(
    TEARDOWN.map(async ({ type }) => (await RESIDUE[type](search)).map((message) => ({ resource: type, message }))),
  );
  return found.flat();
}
