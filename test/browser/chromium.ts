import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';

/** Screenshots and PDFs of the last run, to be looked at. */
export const PICTURES = join(__dirname, '../../build/browser');

/** Without the background flags Chromium talks to its maker's hosts. The sandbox needs rights that root in a container lacks. */
export async function launch(): Promise<Browser> {
  mkdirSync(PICTURES, { recursive: true });
  return await chromium.launch({
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}
