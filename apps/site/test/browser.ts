/** A Chromium for the browser tests: CHROMIUM_PATH, an installed one, or the one that npm @sparticuz/chromium unpacks (Linux x64). */
import { existsSync } from 'node:fs';
import { type Browser, chromium as playwright } from 'playwright-core';

const installed = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];
const quietly = [
  '--no-sandbox',
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-quic',
];

export async function openBrowser(): Promise<Browser> {
  const path = process.env.CHROMIUM_PATH ?? installed.find((candidate) => existsSync(candidate));
  if (path) return playwright.launch({ executablePath: path, args: quietly });
  // Read by the package when it is imported: which of its bundled libraries to unpack.
  process.env.AWS_LAMBDA_JS_RUNTIME ??= 'nodejs22.x';
  const { default: carried } = await import('@sparticuz/chromium');
  // Not the package's own arguments: they switch off web security, which is part of what is tested.
  return playwright.launch({ executablePath: await carried.executablePath(), args: quietly, headless: true });
}
