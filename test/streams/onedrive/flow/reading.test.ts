import { randomBytes } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import fc from 'fast-check'
import t from 'tap'
import { quickXorBase64 } from '../../../../lib/digest/quick-xor.ts'
import { errorBody } from '../support/answers.ts'
import { LoopbackGraph } from '../support/server.ts'
import type { Received, Reply } from '../support/server.ts'

const BYTES = randomBytes(300_000)

type Test = { teardown (end: () => Promise<void>): void }

/** One file behind URLs that die. */
class MiniHost {
  bytes = BYTES
  ctag = '"c:{G},1"'
  etag = '"{G},1"'
  /** Requests that one URL serves before it dies. */
  urlLives = Infinity
  deadStatus = 401
  ignoreRange = false
  inItem = true
  hash: string | undefined = quickXorBase64(BYTES)
  itemSize: number | undefined
  /** Cuts so many bytes into the body, one for each request. */
  cuts: number[] = []
  onDownload: (() => void) | undefined
  origin = ''
  #url = 0
  #served = 0

  handle = (request: Received): Reply => {
    if (request.url.startsWith('/d/')) return this.#download(request)
    if (request.url.endsWith('/content')) return { status: 302, headers: { location: this.#fresh() } }
    if (request.url.endsWith('/versions')) return { body: { value: [{ id: '3.0', size: this.bytes.length }, { id: '2.0', size: this.bytes.length }] } }
    if (request.headers['if-none-match'] === this.ctag) return { status: 304 }
    return { body: this.#item() }
  }

  #item (): object {
    return {
      id: '1',
      name: 'a',
      size: this.itemSize ?? this.bytes.length,
      eTag: this.etag,
      cTag: this.ctag,
      file: { hashes: this.hash === undefined ? {} : { quickXorHash: this.hash } },
      ...(this.inItem ? { '@microsoft.graph.downloadUrl': this.#fresh() } : {})
    }
  }

  #fresh (): string {
    this.#served = 0
    return `${this.origin}/d/${++this.#url}?b='1'&a=%2F&tempauth=secret`
  }

  #download ({ url, headers }: Received): Reply {
    if (headers.authorization !== undefined || url !== `/d/${this.#url}?b='1'&a=%2F&tempauth=secret` || this.#served++ >= this.urlLives) return { status: this.deadStatus }
    this.onDownload?.()
    const cut = this.cuts.shift()
    const range = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '')
    const common = { etag: this.etag }
    if (range === null || this.ignoreRange) return { headers: common, body: this.bytes, ...(cut === undefined ? {} : { cut }) }
    const start = Number(range[1])
    if (start >= this.bytes.length) return { status: 416 }
    const end = Math.min(range[2] === '' ? Infinity : Number(range[2]), this.bytes.length - 1)
    return { status: 206, headers: { ...common, 'content-range': `bytes ${start}-${end}/${this.bytes.length}` }, body: this.bytes.subarray(start, end + 1), ...(cut === undefined ? {} : { cut }) }
  }
}

async function start (t: Test): Promise<{ host: MiniHost, graph: LoopbackGraph }> {
  const host = new MiniHost()
  const graph = await LoopbackGraph.start(t, host.handle)
  host.origin = graph.origin
  return { host, graph }
}

t.test('A file is read by ranges of its pre-authenticated URL, which goes as it is and without the token', async t => {
  const { graph } = await start(t)
  const stream = graph.client().createReadStream('/a', { rangeSize: 100_000 })
  t.equal(graph.requests.length, 0, 'nothing before the first read')
  t.ok((await buffer(stream)).equals(BYTES))
  t.match(stream.info, { size: 300_000, item: { ctag: '"c:{G},1"' } })
  t.equal(graph.trace[0], 'GET /me/drive/root:/a')
  t.strictSame(new Set(graph.trace.slice(1)), new Set(["GET /d/1?b='1'&a=%2F&tempauth=secret"]))
  t.strictSame(graph.requests.slice(1).map(({ headers }) => headers.range).sort(), ['bytes=0-99999', 'bytes=100000-199999', 'bytes=200000-299999'])
})

t.test('Where the item has no URL, the 302 of its content is followed', async t => {
  const { host, graph } = await start(t)
  host.inItem = false
  t.ok((await buffer(graph.client().createReadStream({ id: '1' }, { rangeSize: 100_000 }))).equals(BYTES))
  t.strictSame(graph.trace.slice(0, 3), ['GET /me/drive/items/1', 'GET /me/drive/items/1/content', "GET /d/1?b='1'&a=%2F&tempauth=secret"])
  t.equal(graph.requests[2]?.headers.authorization, undefined)
  t.equal(graph.trace.filter(line => line.endsWith('/content')).length, 1, 'one URL for all ranges')
})

for (const status of [401, 403, 404, 410]) {
  t.test(`A URL that died (${status}) is renewed, however often, with ranges side by side`, async t => {
    const { host, graph } = await start(t)
    host.urlLives = 2
    host.deadStatus = status
    t.ok((await buffer(graph.client().createReadStream('a', { rangeSize: 30_000, concurrency: 3 }))).equals(BYTES))
  })
}

t.test('Reads heal: whatever is cut and whenever the URL dies, the bytes are those of the file, in order', async t => {
  const { host, graph } = await start(t)
  const onedrive = graph.client({ circuitBreaker: false })
  await fc.assert(fc.asyncProperty(fc.array(fc.nat({ max: 70_000 }), { maxLength: 4 }), fc.integer({ min: 2, max: 5 }), fc.integer({ min: 1, max: 4 }), fc.boolean(), async (cuts, lives, concurrency, inItem) => {
    Object.assign(host, { cuts: [...cuts], urlLives: lives, inItem })
    return (await buffer(onedrive.createReadStream('a', { concurrency, rangeSize: 60_000 }))).equals(BYTES)
  }), { seed: 9, numRuns: 40 })
  t.pass('every run')
})

t.test('A host that ignores ranges serves all the same', async t => {
  const { host, graph } = await start(t)
  host.ignoreRange = true
  host.cuts = [50_000]
  t.ok((await buffer(graph.client().createReadStream('a', { rangeSize: 100_000 }))).equals(BYTES))
  t.ok((await buffer(graph.client().createReadStream('a', { start: 1000, end: 1999 }))).equals(BYTES.subarray(1000, 2000)))
})

t.test('start and end are as in fs.createReadStream, and an empty file is empty', async t => {
  const { host, graph } = await start(t)
  const onedrive = graph.client()
  t.ok((await buffer(onedrive.createReadStream('a', { start: 5, end: 9 }))).equals(BYTES.subarray(5, 10)))
  t.ok((await buffer(onedrive.createReadStream('a', { start: 299_990 }))).equals(BYTES.subarray(299_990)))
  await t.rejects(buffer(onedrive.createReadStream('a', { start: 300_000 })), { code: 'InvalidRange' })
  host.bytes = Buffer.alloc(0)
  host.hash = undefined
  t.equal((await buffer(onedrive.createReadStream('a'))).length, 0)
})

t.test('A file that changed is never joined with its other version', async t => {
  const { host, graph } = await start(t)
  host.urlLives = 2
  host.onDownload = () => { if (graph.requests.length > 2) host.ctag = '"c:{G},2"' }
  await t.rejects(buffer(graph.client().createReadStream('a', { rangeSize: 30_000, concurrency: 1, start: 0, end: 299_999 })).then(() => buffer(graph.client().createReadStream('a', { rangeSize: 30_000 }))),
    { name: 'ObjectChangedError', expected: 'cTag "c:{G},1"', found: 'cTag "c:{G},2"' })
})

t.test('An etag that changed with the cTag still the same is no change of the content', async t => {
  const { host, graph } = await start(t)
  host.onDownload = () => { host.etag = `"{G},${graph.requests.length}"` }
  t.ok((await buffer(graph.client().createReadStream('a', { rangeSize: 50_000, concurrency: 2 }))).equals(BYTES))
})

t.test('Bytes that are not those of the reported hash end in an error', async t => {
  const { host, graph } = await start(t)
  host.hash = quickXorBase64(Buffer.from('other'))
  await t.rejects(buffer(graph.client().createReadStream('a')), { name: 'DigestMismatchError', algorithm: 'quickXor', size: 300_000 })
  t.ok((await buffer(graph.client().createReadStream('a', { verify: false }))).equals(BYTES))
  t.equal((await buffer(graph.client().createReadStream('a', { start: 1 }))).length, 299_999, 'a part has no hash')
})

t.test('Where the size of the item is not that of its content, the host is believed', async t => {
  const { host, graph } = await start(t)
  host.itemSize = 123
  host.hash = quickXorBase64(Buffer.from('other'))
  const stream = graph.client().createReadStream('a', { rangeSize: 100_000 })
  t.ok((await buffer(stream)).equals(BYTES))
  t.match(stream.info, { size: 300_000, item: { size: 123 } })
})

t.test('A version is read through its own content, the current one through that of the file', async t => {
  const { graph } = await start(t)
  const onedrive = graph.client()
  t.ok((await buffer(onedrive.createReadStream('a', { version: '2.0' }))).equals(BYTES))
  t.strictSame(graph.trace, ['GET /me/drive/root:/a', 'GET /me/drive/root:/a:/versions', 'GET /me/drive/root:/a:/versions/2.0/content', "GET /d/2?b='1'&a=%2F&tempauth=secret"])
  t.ok((await buffer(onedrive.createReadStream('a', { version: '3.0' }))).equals(BYTES))
  t.notOk(graph.trace.some(line => line.includes('versions/3.0')))
  await t.rejects(buffer(onedrive.createReadStream('a', { version: '9.0' })), { name: 'NotFoundError' })
})

t.test('ifNoneMatch tells that there is nothing new', async t => {
  const { graph } = await start(t)
  await t.rejects(buffer(graph.client().createReadStream('a', { ifNoneMatch: '"c:{G},1"' })), { name: 'NotModifiedError' })
})

t.test('Malware, folders and missing files end at once', async t => {
  const replies: Record<string, Reply> = {
    '/v1.0/me/drive/root:/bad': { body: { id: '1', name: 'bad', size: 1, file: {}, '@microsoft.graph.downloadUrl': '' } },
    '/v1.0/me/drive/root:/bad:/content': { status: 403, body: errorBody(['malwareDetected']) },
    '/v1.0/me/drive/root:/dir': { body: { id: '2', name: 'dir', folder: {} } }
  }
  const graph = await LoopbackGraph.start(t, ({ url }) => replies[url] ?? { status: 404, body: errorBody(['itemNotFound']) })
  replies['/v1.0/me/drive/root:/bad'] = { body: { id: '1', name: 'bad', size: 1, file: {} } }
  const onedrive = graph.client()
  await t.rejects(buffer(onedrive.createReadStream('bad')), { code: 'MalwareDetected', status: 403 })
  await t.rejects(buffer(onedrive.createReadStream('dir')), { code: 'NotAFile' })
  await t.rejects(buffer(onedrive.createReadStream('none')), { name: 'NotFoundError', code: 'NotFound' })
  t.equal(graph.requests.length, 4)
})

t.test('download() reads into memory up to a limit', async t => {
  const { graph } = await start(t)
  const { item, bytes } = await graph.client().download('a')
  t.ok(bytes.equals(BYTES))
  t.equal(item.id, '1')
  await t.rejects(graph.client().download('a', { limit: 299_999 }), RangeError)
})

t.test('Neither log nor error nor span shows the token of a URL', async t => {
  const { host, graph } = await start(t)
  host.urlLives = 0
  const said: unknown[] = []
  const say = (...words: unknown[]): void => { said.push(words) }
  const span = { setAttribute: say, setStatus: say, recordException: (error: Error) => { said.push(error.message, error.stack) }, end: () => undefined }
  const logger = { error: say, warn: say, info: say, debug: say, trace: say }
  const telemetry = { tracer: { startSpan: (...words: unknown[]) => { said.push(words); return span } } }
  const failure: unknown = await buffer(graph.client({ logger, telemetry }).createReadStream('a')).catch(error => error)
  t.match(failure, { code: 'DownloadUrlExpired' })
  t.notMatch(JSON.stringify(said) + String((failure as Error).stack), /tempauth|Bearer/)
})

t.test('destroy frees the socket', async t => {
  const { graph } = await start(t)
  const stream = graph.client().createReadStream('a', { rangeSize: 10_000, highWaterMark: 1 })
  await new Promise(resolve => stream.once('data', resolve))
  await stream[Symbol.asyncDispose]()
  t.ok(stream.destroyed)
})
