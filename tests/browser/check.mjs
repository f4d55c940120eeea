// Opens pages as a person would and says what is wrong with them.
//
//   node check.mjs TOOLS FOLDER
//
// TOOLS has the unpacked browser and node_modules. FOLDER has pages.json: for each page its file, the JSON document it
// was made from, and for a page that is bad on purpose the kinds of faults that must be found. Ends with 1 when a page
// has a fault, or when a bad one has fewer than it should.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { backtest } from './backtest.mjs';
import { run } from './run.mjs';
import { study } from './study.mjs';

const [tools, folder] = process.argv.slice(2).map((it) => path.resolve(it));
const require = createRequire(path.join(tools, 'node_modules', 'any.js'));
const { chromium } = require('playwright-core');
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

const WIDTHS = [400, 640, 768, 1024, 1152, 1280, 1400];
const SCHEMES = ['light', 'dark'];
const CONTENT = { run, backtest, study };

const browser = await chromium.launch({
  executablePath: path.join(tools, 'chromium'),
  args: ['--no-sandbox', '--headless', '--disable-gpu', '--disable-background-networking', '--disable-component-update'],
  env: {
    ...process.env,
    LD_LIBRARY_PATH: [path.join(tools, 'libraries', 'lib'), process.env.LD_LIBRARY_PATH].filter(Boolean).join(':'),
    FONTCONFIG_PATH: process.env.FONTCONFIG_PATH ?? (process.platform === 'linux' ? '/etc/fonts' : ''),
  },
});

let failed = 0;
for (const entry of JSON.parse(readFileSync(path.join(folder, 'pages.json'), 'utf8'))) {
  const faults = await judge(entry);
  if (entry.faults) {
    const missing = entry.faults.filter((kind) => !faults.some((fault) => fault.kind === kind));
    report(entry.file, missing.map((kind) => `the fault "${kind}" was not noticed`));
  } else {
    report(entry.file, faults.map((fault) => `${fault.kind}: ${fault.what}`));
  }
}
await browser.close();
process.exit(failed > 0 ? 1 : 0);

function report(file, lines) {
  failed += lines.length;
  console.log(lines.length ? `${file}: ${lines.length} faults\n  ${[...new Set(lines)].join('\n  ')}` : `${file}: as it should be`);
}

async function judge(entry) {
  const faults = [];
  const fault = (kind, what) => faults.push({ kind, what });
  const url = pathToFileURL(path.join(folder, entry.file)).href;
  const widths = entry.brief ? [WIDTHS[0], WIDTHS.at(-1)] : WIDTHS;
  for (const colorScheme of entry.brief ? ['dark'] : SCHEMES) {
    const page = await open(url, colorScheme, fault);
    for (const width of widths) {
      await resize(page, width);
      const where = `${width} px, ${colorScheme}`;
      for (const what of await page.evaluate(overflows)) fault('overflow', `${what} at ${where}`);
      if (width === WIDTHS[0] || width === WIDTHS.at(-1)) {
        if (width > WIDTHS[0]) for (const what of await accessibility(page)) fault('accessibility', `${what} at ${where}`);
        await page.screenshot({ path: path.join(folder, `${path.parse(entry.file).name}-${width}-${colorScheme}.png`), fullPage: true });
      }
    }
    // Everything that is folded is opened: it must fit as well.
    await page.evaluate(() => document.querySelectorAll('details').forEach((it) => (it.open = true)));
    for (const width of widths.toReversed()) {
      await resize(page, width);
      for (const what of await page.evaluate(overflows)) fault('overflow', `${what} at ${width} px, unfolded`);
    }
    for (const what of await accessibility(page)) fault('accessibility', `${what} at ${widths[0]} px, ${colorScheme}, unfolded`);
    await page.close();
  }
  const page = await open(url, 'light', fault);
  for (const what of await structure(page)) fault('structure', what);
  for (const what of await keyboard(page)) fault('keyboard', what);
  for (const what of await print(page)) fault('print', what);
  if (entry.contains) {
    const text = await page.evaluate(() => document.body.textContent);
    if (!text.includes(entry.contains)) fault('content', `the text ${JSON.stringify(entry.contains)} is not on the page`);
  }
  if (entry.document) {
    const document = JSON.parse(readFileSync(path.join(folder, entry.document), 'utf8'));
    for (const what of await CONTENT[entry.kind](page, document)) fault('content', what);
  }
  await page.close();
  return faults;
}

/** Charts are drawn anew before the next frame, as soon as the page has heard of its width. */
async function resize(page, width) {
  await page.setViewportSize({ width, height: 900 });
  await page.waitForFunction((width) => window.innerWidth === width, width);
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
}

async function open(url, colorScheme, fault) {
  const page = await browser.newPage({ viewport: { width: 1400, height: 900 }, colorScheme });
  page.on('console', (message) => fault('console', `${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => fault('console', String(error)));
  page.on('dialog', (dialog) => { fault('script', `a dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on('request', (request) => { if (request.url() !== url && !request.url().startsWith('data:')) fault('request', request.url()); });
  await page.goto(url, { waitUntil: 'load' });
  return page;
}

/** What is wider than the screen, or sticks out of its section. */
function overflows() {
  const found = [];
  if (document.documentElement.scrollWidth > window.innerWidth) found.push(`the page scrolls sideways (${document.documentElement.scrollWidth})`);
  for (const section of document.querySelectorAll('section')) {
    const edge = section.getBoundingClientRect().right + 1;
    for (const element of section.querySelectorAll('*')) {
      if (element.closest('.unseen, svg svg, thead, .u-over') || element.ownerSVGElement) continue;
      const box = element.getBoundingClientRect();
      if (box.width > 0 && box.right > edge) {
        found.push(`#${section.id}: ${element.tagName.toLowerCase()}.${element.className} sticks out by ${Math.round(box.right - edge)} px`);
        break;
      }
    }
  }
  return found;
}

async function accessibility(page) {
  await page.evaluate(axe);
  const result = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  return result.violations.map((it) => `${it.id} (${it.impact}): ${it.nodes[0].target.join(' ')} and ${it.nodes.length - 1} more`);
}

/** One of each landmark, headings in order, tables with captions and headers, pictures with words. */
function structure(page) {
  return page.evaluate(() => {
    const found = [];
    const all = (selector) => [...document.querySelectorAll(selector)];
    for (const [name, selector] of [['banner', 'body > header'], ['navigation', 'nav[aria-label]'], ['main', 'main'], ['footer', 'body > footer'], ['h1', 'h1']]) {
      if (all(selector).length !== 1) found.push(`${all(selector).length} of ${name}`);
    }
    for (const section of all('main > section')) {
      const title = document.getElementById(section.getAttribute('aria-labelledby') ?? '');
      if (!title || !section.contains(title)) found.push(`section #${section.id} has no title`);
    }
    for (const table of all('table')) {
      if (!table.caption?.textContent.trim()) found.push(`table #${table.id} has no caption`);
      if (table.querySelector('thead th:not([scope=col]), tbody tr > :first-child:not(th[scope=row])')) found.push(`table #${table.id} has cells without headers`);
    }
    for (const svg of all('svg')) {
      if (svg.ownerSVGElement) continue;
      if (svg.getAttribute('aria-hidden') !== 'true' && !(svg.getAttribute('role') === 'img' && svg.getAttribute('aria-label'))) found.push('a picture without words');
    }
    const links = all('nav a').map((a) => a.getAttribute('href'));
    const sections = all('main > section').map((section) => `#${section.id}`);
    if (String(links) !== String(sections)) found.push(`contents ${links} are not the sections ${sections}`);
    return found;
  });
}

/** Tab goes through everything in reading order, visibly; the skip link skips; a summary opens by key. */
async function keyboard(page) {
  const found = [];
  const expected = await page.evaluate(() =>
    [...document.querySelectorAll('a[href], summary, button, input, select, [tabindex="0"]')]
      .filter((it) => it.checkVisibility()).map((it) => it.textContent.trim() || it.getAttribute('aria-label')));
  const reached = [];
  for (let at = 0; at < expected.length; at += 1) {
    await page.keyboard.press('Tab');
    const [name, visible] = await page.evaluate(() => {
      const it = document.activeElement;
      const style = getComputedStyle(it);
      const box = it.getBoundingClientRect();
      const outlined = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
      return [it.textContent.trim() || it.getAttribute('aria-label'), outlined && box.bottom > 0 && box.top < window.innerHeight];
    });
    reached.push(name);
    if (!visible) found.push(`the focus on ${JSON.stringify(name)} cannot be seen`);
  }
  if (String(reached) !== String(expected)) found.push(`Tab reaches ${reached}, not ${expected}`);
  if (!/^Skip to/.test(reached[0] ?? '')) found.push('the first stop is not the skip link');
  await page.evaluate(() => document.activeElement.blur());
  await page.locator('a.skip').focus().catch(() => found.push('there is no skip link'));
  await page.keyboard.press('Enter');
  if (await page.evaluate(() => document.activeElement.tagName) !== 'MAIN') found.push('the skip link does not lead to the main part');
  for (const summary of await page.locator('summary').all()) {
    await summary.focus();
    await page.keyboard.press('Enter');
    if (!(await summary.evaluate((it) => it.parentElement.open))) found.push(`${await summary.textContent()} does not open by key`);
    await page.keyboard.press('Enter');
  }
  return found;
}

/** On paper everything is unfolded, dark on light whatever the screen, and the ways around the page are gone. */
async function print(page) {
  await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
  const found = await page.evaluate(() => {
    const found = [];
    for (const table of document.querySelectorAll('details table')) {
      if (table.getBoundingClientRect().height === 0) found.push(`#${table.id} stays folded`);
    }
    const light = (color) => color.match(/[\d.]+/g).slice(0, 3).every((it) => Number(it) > 200);
    if (!light(getComputedStyle(document.body).backgroundColor)) found.push('the paper is dark');
    if (light(getComputedStyle(document.querySelector('h2') ?? document.body).color)) found.push('the ink is light');
    if (document.querySelector('nav')?.checkVisibility()) found.push('the contents are printed');
    return found;
  });
  const pdf = await page.pdf({ format: 'A4' });
  if (pdf.length < 10_000) found.push(`a document of ${pdf.length} bytes`);
  await page.emulateMedia({ media: 'screen', colorScheme: 'light' });
  return found;
}
