/** Uploads: files that a reader brings for the runs of this instance. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import {
  checkRoom,
  deleteUpload,
  listUploads,
  receiveUpload,
  type Upload,
  UploadError,
  uploadKinds,
  uploadLimit,
} from '@working-papers/runs';
import { HTTPException } from 'hono/http-exception';
import { incomingFiles } from '../multipart.ts';
import { dataFolder } from '../settings.ts';
import { answers, badRequest, type Environment, mustBeAdmin, notFound, Problem, problems } from './context.ts';

const UploadRecord = z
  .looseObject({
    id: z.string(),
    kind: z.enum(uploadKinds),
    name: z.string(),
    bytes: z.number(),
    files: z.array(z.object({ name: z.string(), bytes: z.number() })),
    createdAt: z.string(),
  })
  .openapi('Upload');
const shown = (upload: Upload): z.infer<typeof UploadRecord> => ({ ...upload });

const kindQuery = z.object({
  kind: z.enum(uploadKinds).openapi({
    description: 'model: a .gguf file, or config.json, tokenizer.json and .safetensors together; input: one file',
  }),
});

const list = createRoute({
  method: 'get',
  path: '/uploads',
  summary: 'Uploads, newest first',
  responses: { 200: answers.json(z.object({ uploads: z.array(UploadRecord) }), 'All of them'), ...problems },
});

const receive = createRoute({
  method: 'post',
  path: '/uploads',
  summary: 'Upload a model or an input; a run names it as upload:ID',
  request: {
    query: kindQuery,
    body: { required: true, content: { 'multipart/form-data': { schema: z.object({ file: z.any() }) } } },
  },
  responses: {
    201: answers.json(UploadRecord, 'The upload; a model was checked'),
    ...problems,
    413: { description: 'Over the limit', content: { 'application/json': { schema: Problem } } },
    507: { description: 'The disk has no room', content: { 'application/json': { schema: Problem } } },
  },
});

const remove = createRoute({
  method: 'delete',
  path: '/uploads/{id}',
  summary: 'Delete an upload',
  request: { params: z.object({ id: z.string().max(80) }) },
  responses: { 200: answers.json(z.object({ deleted: z.string() }), 'Its id'), ...problems },
});

const statusOf = { wrong: 400, large: 413, full: 507 } as const;

export function addUploads(api: OpenAPIHono<Environment>): void {
  api.openapi(list, async (c) => {
    mustBeAdmin(c.env.locals);
    return c.json({ uploads: (await listUploads(dataFolder)).map(shown) }, 200);
  });
  // Described to OpenAPI, but handled by hand: a validated body would be held in memory.
  api.openAPIRegistry.registerPath(receive);
  api.post('/uploads', async (c) => {
    mustBeAdmin(c.env.locals);
    const kind = kindQuery.safeParse({ kind: c.req.query('kind') });
    if (!kind.success) throw badRequest(`The kind of an upload is ${uploadKinds.join(' or ')}: /uploads?kind=input.`);
    const request = c.req.raw;
    try {
      const incoming = incomingFiles(request.body, c.req.header('content-type'));
      try {
        const limitBytes = uploadLimit();
        await checkRoom(dataFolder, Number(c.req.header('content-length') ?? 0), limitBytes);
        const options = { kind: kind.data.kind, limitBytes, signal: request.signal };
        return c.json(shown(await receiveUpload(dataFolder, incoming.files, options)), 201);
      } catch (error) {
        if (!request.signal.aborted) await incoming.discard().catch(() => {});
        throw error;
      }
    } catch (error) {
      if (error instanceof UploadError) throw new HTTPException(statusOf[error.reason], { message: error.message });
      // Nobody is there to hear an answer.
      if (request.signal.aborted) throw badRequest('The upload was broken off; nothing of it was kept.');
      throw error;
    }
  });
  api.openapi(remove, async (c) => {
    mustBeAdmin(c.env.locals);
    const { id } = c.req.valid('param');
    if (!(await deleteUpload(dataFolder, id))) throw notFound('There is no such upload.');
    return c.json({ deleted: id }, 200);
  });
}
