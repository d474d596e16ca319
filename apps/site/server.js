/**
 * The site's process: `node apps/site/server.js`. PORT (5151), HOST (127.0.0.1 only in local mode), PUBLIC_URL, WORKING_PAPERS_DATA,
 * WORKING_PAPERS_KEY. SIGTERM ends event streams first, then the server.
 */
import { createServer } from 'node:http';

const fail = (sentence) => {
  console.error(sentence);
  process.exit(1);
};

const mode = process.env.WORKING_PAPERS_MODE ?? 'local';
const port = Number(process.env.PORT ?? 5151);
const host = process.env.HOST ?? '127.0.0.1';
if (!['local', 'invited', 'open'].includes(mode))
  fail(`WORKING_PAPERS_MODE is "${mode}"; it is local, invited or open.`);
if (mode !== 'local')
  fail(`The ${mode} mode needs accounts, which are not built yet. Leave WORKING_PAPERS_MODE out, or set it to local.`);
if (!['127.0.0.1', 'localhost', '::1'].includes(host))
  fail(`In local mode the site listens on this machine alone; HOST is "${host}". Leave HOST out.`);
if (!(Number.isInteger(port) && port >= 0 && port < 65536))
  fail(`PORT is "${process.env.PORT}"; it is a whole number up to 65535.`);

process.env.PUBLIC_URL ??= `http://localhost:${port}`;
process.env.ORIGIN = process.env.PUBLIC_URL;
// Every route has limits of its own, with a sentence.
process.env.BODY_SIZE_LIMIT ??= 'Infinity';

const { handler } = await import('./build/handler.js');
/** What no route can read: `%ff` is no text, and the database keeps no NUL. */
function isReadable(url) {
  try {
    const query = url.indexOf('?');
    decodeURIComponent(query < 0 ? url : url.slice(0, query));
    return !url.includes('%00');
  } catch {
    return false;
  }
}
const unreadable = 'The address holds what is no text: a percent sign without its two digits, broken UTF-8, or a NUL.';
const server = createServer((request, response) => {
  if (isReadable(request.url)) return handler(request, response);
  const isApi = request.url.startsWith('/api/');
  response.writeHead(400, { 'content-type': isApi ? 'application/json' : 'text/plain; charset=utf-8' });
  response.end(isApi ? JSON.stringify({ error: unreadable }) : `${unreadable}\n`);
});
server.on('error', (error) => {
  fail(
    error.code === 'EADDRINUSE'
      ? `Port ${port} is taken. Stop what uses it, or choose another with PORT=5152.`
      : `The site could not start: ${error.message}`,
  );
});
server.listen(port, host, () => {
  process.send?.({ type: 'ready', port: server.address().port });
  console.error(`Working Papers is on ${process.env.PUBLIC_URL}`);
});

let ending = false;
function stop() {
  if (ending) return;
  ending = true;
  globalThis[Symbol.for('working-papers.stopping')]?.abort();
  server.close(() => process.exit(0));
  server.closeIdleConnections();
  setTimeout(() => {
    server.closeAllConnections();
    process.exit(0);
  }, 3000).unref();
}
process.on('SIGTERM', stop);
process.on('SIGINT', stop);
