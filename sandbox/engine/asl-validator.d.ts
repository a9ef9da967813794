/** The package ships no declarations. */
declare module 'asl-validator' {
  interface ValidationResult {
    readonly isValid: boolean;
    errorsText(separator?: string): string;
  }
  /** Writes a QueryLanguage into every state of the object that it is given. */
  function validate(
    definition: object,
    options?: { readonly checkPaths: boolean; readonly checkArn: boolean },
  ): ValidationResult;
  export = validate;
}
