/**
 * Tests that look at pages in headless Chromium (Debian's, or the one that CHROMIUM names). Not part of `npm test`, which
 * needs nothing but Node; .ci/run runs both.
 * @type {import('jest').Config}
 */
module.exports = { ...require('./jest.config'), testMatch: ['<rootDir>/test/browser/**/*.browser.ts'], maxWorkers: 1 };
