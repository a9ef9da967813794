/**
 * JavaScript, because Jest reads a TypeScript configuration with ts-node only, which nothing else here needs.
 * @type {import('jest').Config}
 */
module.exports = {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  transform: { '^.+\\.ts$': ['@swc/jest', { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' } }] },
  // The one ES module that is named by file; Jest on Node 20 requires CommonJS only, and the package has it beside.
  moduleNameMapper: { '^zod/v4/locales/en\\.js$': 'zod/v4/locales/en.cjs' },
  globalSetup: '<rootDir>/test/support/global-setup.ts',
  setupFiles: ['<rootDir>/test/support/setup.ts'],
  testSequencer: '<rootDir>/test/support/sequencer.js',
  // Jest's default leaves a core free, which halves a machine of two. A third worker fills the pauses of the SDK's retries.
  maxWorkers: 3,
  // Whole lifecycles on a busy machine: no test is about speed, so none fails for the lack of it.
  testTimeout: 600_000,
};
