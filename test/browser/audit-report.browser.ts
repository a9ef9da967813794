import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { anAuditReport } from './an-audit-report';
import { launch, PICTURES } from './chromium';

const AXE = require.resolve('axe-core/axe.min.js');

describe('the audit report of a tenant that is gone', () => {
  let browser: Browser;
  let file: string;
  const problems: string[] = [];

  beforeAll(async () => {
    browser = await launch();
    file = await anAuditReport(join(PICTURES, 'audit-report.html'));
  });
  afterAll(async () => await browser?.close());

  async function open(width: number): Promise<Page> {
    // The page's own policy would keep the checker out as well.
    const context = await browser.newContext({ viewport: { width, height: 1000 }, bypassCSP: true });
    const page = await context.newPage();
    page.on('console', (message) => problems.push(message.text()));
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('request', (request) => {
      if (!request.url().startsWith('file:')) problems.push(`fetches ${request.url()}`);
    });
    await page.goto(pathToFileURL(file).href);
    return page;
  }

  it('opens without an error and fetches nothing', async () => {
    const page = await open(1280);
    await page.screenshot({ path: join(PICTURES, 'audit-report.png'), fullPage: true });
    expect(problems).toEqual([]);
  });

  it('has its text also under the policy that it ships', async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(pathToFileURL(file).href);
    await expect(page.locator('h1').textContent()).resolves.toBe('Audit report of tenant acme');
    const font = await page.locator('body').evaluate((body) => getComputedStyle(body).fontSize);
    expect(font).toBe('16px');
  });

  it('meets WCAG 2.2 AA as far as a program can tell', async () => {
    const page = await open(1280);
    for (const details of await page.locator('details > summary').all()) await details.click();
    await page.evaluate(readFileSync(AXE, 'utf8'));
    const violations = await page.evaluate(async () => {
      const { axe } = globalThis as unknown as {
        axe: { run(options: object): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
      };
      const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
      const result = await axe.run({ runOnly: { type: 'tag', values: tags } });
      return result.violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html.slice(0, 200)}`);
    });
    expect(violations).toEqual([]);
  });

  it('draws every state with its words inside its box', async () => {
    const page = await open(1280);
    const drawn = await page.locator('svg .state').evaluateAll((states) =>
      states.map((state) => {
        const box = state.querySelector('rect')?.getBoundingClientRect();
        const texts = [...state.querySelectorAll('text')];
        return {
          name: texts.map(({ textContent }) => textContent).join(' '),
          fits: texts.every((text) => {
            const { left, right, top, bottom } = text.getBoundingClientRect();
            return box && left >= box.left && right <= box.right && top >= box.top - 1 && bottom <= box.bottom + 1;
          }),
        };
      }),
    );
    expect(drawn.length).toBeGreaterThan(40);
    expect(drawn.filter(({ fits }) => !fits)).toEqual([]);
  });

  it.each([1280, 420])('needs no sideways scrolling of the page at a width of %i', async (width) => {
    const page = await open(width);
    await page.screenshot({ path: join(PICTURES, `audit-report-${width}.png`), fullPage: true });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    expect(wide).toBeLessThanOrEqual(width);
  });

  it('leads from each link to something on the page', async () => {
    const page = await open(1280);
    const dangling = await page
      .locator('a[href^="#"]')
      .evaluateAll((links) =>
        links
          .map((link) => decodeURIComponent(link.getAttribute('href') ?? '').slice(1))
          .filter((id) => document.getElementById(id) === null),
      );
    expect(dangling).toEqual([]);
  });

  it('prints, closed details included', async () => {
    const page = await open(1280);
    await page.emulateMedia({ media: 'print' });
    await page.pdf({ path: join(PICTURES, 'audit-report.pdf'), format: 'A4', printBackground: true });
    const hidden = await page
      .locator('details table')
      .evaluateAll((tables) => tables.filter((table) => table.getBoundingClientRect().height === 0).length);
    expect(hidden).toBe(0);
  });
});
