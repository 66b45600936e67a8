/** Microsoft's own SDK as a judge: what works for it against Graph works for it here. */
import t from 'tap'
import {
  AuthenticationHandler, type BatchResponseBody, BatchRequestContent, BatchResponseContent, Client, type Context, FileUpload, GraphError, LargeFileUploadTask, type Middleware,
  OneDriveLargeFileUploadTask, PageIterator, Range, RedirectHandler, ResponseType, RetryHandler, TelemetryHandler
} from '@microsoft/microsoft-graph-client'
import { randomBytes } from 'node:crypto'
import type { ReadableStream } from 'node:stream/web'
import { KiB, MiB } from '../../../lib/bytes/sizes.ts'
import { quickXorBase64 } from '../../../lib/digest/quick-xor.ts'
import { type OneDriveOptions, type Emulator, startEmulator } from '../../../emulator/index.ts'

/** The SDK reads full URLs only when they begin so, and sends its token to known hosts only. */
const GRAPH = 'https://graph.microsoft.com'
const FILES = 'https://contoso.sharepoint.com'

interface Item {
  id: string
  name: string
  size: number
  eTag: string
  parentReference: { id: string }
  file?: { hashes: { quickXorHash: string } }
  deleted?: object
}

interface Session {
  graph: Client
  emulator: Emulator
}

/** The last of the SDK's handlers, as a proxy that does TLS would stand there. */
class LoopbackHandler implements Middleware {
  readonly #origin: string

  constructor (origin: string) {
    this.#origin = origin
  }

  async execute (context: Context): Promise<void> {
    const url = String(context.request).replace(`${GRAPH}/v1.0`, `${this.#origin}/onedrive/v1.0`).replace(GRAPH, this.#origin).replace(FILES, this.#origin)
    context.response = await fetch(url, context.options as RequestInit)
  }
}

async function startSession (t: { teardown (work: () => Promise<void>): void }, options: OneDriveOptions = {}): Promise<Session> {
  const emulator = await startEmulator({ oneDrive: { origins: { graph: GRAPH, files: FILES }, ...options } })
  const handlers = [
    new AuthenticationHandler({ getAccessToken: async () => emulator.oneDrive.accessToken() }), new RetryHandler(), new RedirectHandler(), new TelemetryHandler(),
    new LoopbackHandler(new URL(emulator.oneDrive.endpoint).origin)
  ]
  t.teardown(() => emulator.close())
  return { graph: Client.initWithMiddleware({ middleware: handlers }), emulator }
}

async function put (graph: Client, path: string, body: string | Buffer): Promise<Item> {
  return await graph.api(`/me/drive/root:${path}:/content`).put(body) as Item
}

async function bytesOf (graph: Client, path: string): Promise<Buffer> {
  const response = await graph.api(path).responseType(ResponseType.RAW).get() as Response
  return Buffer.from(await response.arrayBuffer())
}

async function failure (work: Promise<unknown>): Promise<unknown> {
  return work.then(() => 'no error', (error: unknown) => error instanceof GraphError ? [error.statusCode, error.code] : error)
}

t.test('small upload, get, download by redirect, delete', async t => {
  const { graph, emulator } = await startSession(t)
  const body = randomBytes(100_000)
  const item = await put(graph, '/docs/a%23b%20%25.bin', body)
  t.match(item, { name: 'a#b %.bin', size: 100_000, file: { hashes: { quickXorHash: quickXorBase64(body) } } })
  t.match(await graph.api(`/me/drive/items/${item.id}`).select('id,name').get(), { id: item.id, name: 'a#b %.bin' })
  t.ok((await bytesOf(graph, `/me/drive/items/${item.id}/content`)).equals(body))
  const stream = await graph.api(`/me/drive/items/${item.id}/content`).getStream() as ReadableStream<Uint8Array>
  let size = 0
  for await (const chunk of stream) size += chunk.length
  t.equal(size, 100_000)
  t.same(emulator.requests.entries('DownloadContent').map(({ headers }) => headers['authorization']), [undefined, undefined], 'no token for the second host')
  await graph.api(`/me/drive/items/${item.id}`).delete()
  t.same(await failure(graph.api(`/me/drive/items/${item.id}`).get()), [404, 'itemNotFound'])
})

t.test('LargeFileUploadTask: progress, status, resume, cancel', async t => {
  const { graph, emulator } = await startSession(t)
  const body = randomBytes(1 * MiB + 17)
  const session = await LargeFileUploadTask.createUploadSession(graph, '/me/drive/root:/big.bin:/createUploadSession', { item: { '@microsoft.graph.conflictBehavior': 'fail' } })
  const seen: number[] = []
  const task = new LargeFileUploadTask(graph, new FileUpload(toArrayBuffer(body), 'big.bin', body.length), session, {
    rangeSize: 320 * KiB, uploadEventHandlers: { progress: range => { seen.push(range?.minValue ?? -1) } }
  })
  emulator.faults.add({ operation: 'UploadFragment', skip: 2, status: 500 })
  t.match(await failure(task.upload()), { error: { code: 'generalException' } }, 'the error body is thrown as it is, and no slice is sent again')
  t.match(await task.getStatus(), { nextExpectedRanges: [`${640 * KiB}-`] })
  const result = await task.resume() as { responseBody: Item }
  t.same(seen, [0, 320 * KiB, 640 * KiB, 960 * KiB])
  t.match(result.responseBody, { name: 'big.bin', size: body.length, file: { hashes: { quickXorHash: quickXorBase64(body) } } })
  t.ok((await bytesOf(graph, '/me/drive/root:/big.bin:/content')).equals(body))
  const cancelled = new LargeFileUploadTask(graph, new FileUpload(toArrayBuffer(body), 'x', body.length),
    await LargeFileUploadTask.createUploadSession(graph, '/me/drive/root:/x:/createUploadSession', {}))
  await cancelled.cancel()
  t.same(emulator.oneDrive.state.sessions(), [])
  t.ok(emulator.requests.entries('UploadFragment').every(({ headers }) => headers['authorization'] === undefined))
})

t.test('OneDriveLargeFileUploadTask: names are escaped, and taken names numbered', async t => {
  const { graph } = await startSession(t)
  const body = randomBytes(400_000)
  const upload = async (): Promise<Item> => {
    const task = await OneDriveLargeFileUploadTask.create(graph, body, { fileName: 'ä #1 50%.bin', path: '/new folder/x', rangeSize: 327_680 })
    return (await task.upload()).responseBody as Item
  }
  t.match(await upload(), { name: 'ä #1 50%.bin', size: 400_000 })
  t.match(await upload(), { name: 'ä #1 50% 1.bin' })
  t.equal((await bytesOf(graph, `/me/drive/root:/${encodeURIComponent('new folder')}/x/${encodeURIComponent('ä #1 50%.bin')}:/content`)).length, 400_000)
})

t.test('OneDriveLargeFileUploadTask on a personal drive: commit of a deferred session by its URL', async t => {
  const { graph } = await startSession(t, { flavour: 'personal' })
  const body = randomBytes(10)
  const session = await LargeFileUploadTask.createUploadSession(graph, '/me/drive/root:/d.bin:/createUploadSession', { item: {}, deferCommit: true } as object)
  const task = new OneDriveLargeFileUploadTask(graph, new FileUpload(toArrayBuffer(body), 'd.bin', 10), session, { rangeSize: 327_680 })
  const slice = await task.uploadSlice(toArrayBuffer(body), new Range(0, 9), 10) as { nextExpectedRanges: string[] }
  t.same(slice.nextExpectedRanges, [])
  t.match(await task.commit('/me/drive/root:/d.bin'), { name: 'd.bin', size: 10 })
})

t.test('children: pages by PageIterator, and $top, $select, $orderby', async t => {
  for (const flavour of ['business', 'personal'] as const) {
    const { graph } = await startSession(t, { flavour })
    const names = Array.from({ length: 25 }, (_, index) => `f'${String(index).padStart(2, '0')}.txt`)
    for (const name of names) await put(graph, `/many/${encodeURIComponent(name)}`, 'x')
    const found: string[] = []
    const first = await graph.api('/me/drive/root:/many:/children').top(10).select('name').get() as { value: Item[], '@odata.nextLink': string }
    await new PageIterator(graph, first, (item: Item) => {
      found.push(item.name)
      return true
    }).iterate()
    t.same(found, names, flavour)
  }
})

t.test('create folder, move, rename with the eTag', async t => {
  const { graph } = await startSession(t)
  const folder = await graph.api('/me/drive/root/children').post({ name: 'to', folder: {}, '@microsoft.graph.conflictBehavior': 'fail' }) as Item
  t.same(await failure(graph.api('/me/drive/root/children').post({ name: 'TO', folder: {} })), [409, 'nameAlreadyExists'])
  const file = await put(graph, '/a.txt', 'hello')
  const moved = await graph.api(`/me/drive/items/${file.id}`).header('If-Match', file.eTag).patch({ name: 'b.txt', parentReference: { id: folder.id } }) as Item
  t.match(moved, { id: file.id, name: 'b.txt', parentReference: { id: folder.id } })
  t.same(await failure(graph.api(`/me/drive/items/${file.id}`).header('If-Match', file.eTag).patch({ name: 'c.txt' })), [412, 'resourceModified'])
})

t.test('copy, and its monitor without a token', async t => {
  const { graph, emulator } = await startSession(t)
  const file = await put(graph, '/a.txt', 'hello')
  const response = await graph.api(`/me/drive/items/${file.id}/copy`).responseType(ResponseType.RAW).post({ name: 'b.txt' }) as Response
  t.equal(response.status, 202)
  const location = response.headers.get('location') ?? ''
  t.match(location, /^https:\/\/contoso\.sharepoint\.com\/onedrive\/monitor\//)
  const monitor = location.replace(FILES, new URL(emulator.oneDrive.endpoint).origin)
  t.match(await (await fetch(monitor)).json(), { status: 'notStarted' })
  const done = await (await fetch(monitor)).json() as { status: string, resourceId: string }
  t.equal(done.status, 'completed')
  t.match(await graph.api(`/me/drive/items/${done.resourceId}`).get(), { name: 'b.txt', size: 5 })
})

t.test('versions: list, download, restore', async t => {
  const { graph } = await startSession(t)
  const { id } = await put(graph, '/v.txt', 'first')
  await put(graph, '/v.txt', 'second!')
  const versions = await graph.api(`/me/drive/items/${id}/versions`).get() as { value: Array<{ id: string, size: number }> }
  t.match(versions.value, [{ id: '2.0', size: 7 }, { id: '1.0', size: 5 }])
  t.equal((await bytesOf(graph, `/me/drive/items/${id}/versions/1.0/content`)).toString(), 'first')
  await graph.api(`/me/drive/items/${id}/versions/1.0/restoreVersion`).post({})
  t.equal((await bytesOf(graph, `/me/drive/items/${id}/content`)).toString(), 'first')
})

t.test('delta: everything, then what changed, then over again', async t => {
  const { graph, emulator } = await startSession(t)
  const first = await put(graph, '/docs/a.txt', 'a')
  type Page = { value: Item[], '@odata.deltaLink': string }
  const everything = await graph.api('/me/drive/root/delta').get() as Page
  t.same(everything.value.map(item => item.name), ['root', 'docs', 'a.txt'])
  await put(graph, '/docs/b.txt', 'b')
  await graph.api(`/me/drive/items/${first.id}`).delete()
  const changes = await graph.api(everything['@odata.deltaLink']).get() as Page
  t.same(changes.value.map(item => [item.name, item.deleted !== undefined]), [['root', false], ['docs', false], ['b.txt', false], [undefined, true]])
  emulator.oneDrive.state.expireDeltaTokens()
  t.same(await failure(graph.api(changes['@odata.deltaLink']).get()), [410, 'resyncRequired'])
})

t.test('search, by whole words', async t => {
  const { graph } = await startSession(t)
  await put(graph, `/${encodeURIComponent("it's a report.txt")}`, 'x')
  const found = await graph.api("/me/drive/root/search(q='it''s report')").get() as { value: Item[] }
  t.same(found.value.map(item => item.name), ["it's a report.txt"])
})

t.test('batch: in parallel, and one after the other', async t => {
  const { graph } = await startSession(t)
  const file = await put(graph, '/a.txt', 'hello')
  // Without the version: the SDK takes all behind the host for the relative URL.
  const run = async (steps: Array<{ path: string, method?: string, after?: string }>): Promise<BatchResponseContent> => {
    const content = new BatchRequestContent(steps.map(({ path, method = 'GET', after }, index) => ({
      id: String(index + 1), request: new Request(`${GRAPH}/me/drive/${path}`, { method }), ...(after === undefined ? {} : { dependsOn: [after] })
    })))
    return new BatchResponseContent(await graph.api('/$batch').post(await content.getContent()) as BatchResponseBody)
  }
  const parallel = await run([{ path: `items/${file.id}` }, { path: 'items/nothing' }, { path: `items/${file.id}/content` }])
  t.same(['1', '2', '3'].map(id => parallel.getResponseById(id).status), [200, 404, 302])
  t.match(await parallel.getResponseById('1').json(), { name: 'a.txt' })
  const serial = await run([{ path: `items/${file.id}`, method: 'DELETE' }, { path: `items/${file.id}`, after: '1' }, { path: 'root', after: '2' }])
  t.same(['1', '2', '3'].map(id => serial.getResponseById(id).status), [204, 404, 424])
})

t.test('its own retries honour Retry-After, and errors carry the request id', async t => {
  const { graph, emulator } = await startSession(t)
  emulator.faults.add({ operation: 'GetItem', status: 429, retryAfter: 0 })
  t.match(await graph.api('/me/drive/root').get(), { name: 'root' })
  const error = await graph.api('/me/drive/root:/none').get().catch((cause: unknown) => cause) as GraphError
  t.match([error.statusCode, error.code, error.requestId], [404, 'itemNotFound', /^[0-9a-f-]{36}$/])
})

function toArrayBuffer (bytes: Buffer): ArrayBuffer {
  return new Uint8Array(bytes).buffer
}
