import * as z from 'zod/mini';
import { defineOperation } from '../../tasks/access/define-operation';
import { defineOperationContract, readingInput } from '../../tasks/access/operation';
import { ForbiddenError } from '../../tasks/shared/errors';

/** What infra makes the function, its role and its environment from. */
export const contract = defineOperationContract({
  name: 'read-document',
  stateName: 'Read document',
  repeatable: 'It only reads.',
  entry: 'documents/read',
  requires: 'documents:read',
  input: readingInput({ documentId: z.string().check(z.regex(/^[a-z0-9]{26}$/)) }),
  output: z.strictObject({ text: z.string() }),
});

export interface Document {
  readonly tenantId: string;
  readonly text: string;
}

/** @param load reads the document's record, wherever documents are */
export const readDocument = (load: (documentId: string) => Promise<Document | undefined>) =>
  defineOperation(contract, async ({ documentId }, { caller, authorize }) => {
    const document = await load(documentId);
    if (document === undefined) throw new ForbiddenError(`tenant ${caller.tenantId}: no document ${documentId}`);
    // The tenant of the record, as it was loaded, against that of the token.
    await authorize('documents:read', { type: 'document', id: documentId, tenantId: document.tenantId });
    return { text: document.text };
  });
