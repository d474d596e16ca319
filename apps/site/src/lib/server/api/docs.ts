/** A readable page of the API, made from its own OpenAPI document. */

import { escapeHtml } from '../text.ts';

interface Operation {
  summary?: string;
  parameters?: { name: string; in: string; required?: boolean; description?: string }[];
  responses?: Record<string, { description?: string }>;
}

export function docsPage(document: { info: { title: string; description?: string }; paths?: object }): string {
  const operations = Object.entries((document.paths ?? {}) as Record<string, Record<string, Operation>>).flatMap(
    ([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );
  const rows = operations.map(
    ({ path, method, operation }) => `<section>
<h2><code>${method} ${escapeHtml(path)}</code></h2>
<p>${escapeHtml(operation.summary ?? '')}</p>
${operation.parameters?.length ? `<ul>${operation.parameters.map((p) => `<li><code>${escapeHtml(p.name)}</code> (${p.in}${p.required ? ', required' : ''}) ${escapeHtml(p.description ?? '')}</li>`).join('')}</ul>` : ''}
<p>${Object.entries(operation.responses ?? {})
      .map(([status, { description }]) => `<b>${status}</b> ${escapeHtml(description ?? '')}`)
      .join('<br>')}</p>
</section>`,
  );
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>API · ${escapeHtml(document.info.title)}</title></head>
<body><main><p><a href="/">${escapeHtml(document.info.title)}</a></p><h1>API</h1><p>${escapeHtml(document.info.description ?? '')} The document itself: <a href="/api/v1/openapi.json">openapi.json</a>.
A request that changes something needs the key that the terminal printed, as <code>Authorization: Bearer KEY</code>.</p>${rows.join('\n')}</main></body></html>`;
}
