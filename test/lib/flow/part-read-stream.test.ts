import { once } from 'node:events'
import fs, { createReadStream } from 'node:fs'
import type { ReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { PassThrough } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import fc from 'fast-check'
import t from 'tap'
import { KiB } from '../../../lib/bytes/sizes.ts'
import { PartWritable } from '../../../lib/flow/part-writable.ts'
import { fileWith } from './support/files.ts'
import { RecordingUpload, patterned } from './support/recording-upload.ts'
import { closed, idle } from './support/streams.ts'

const PART = 100 * KiB
const BYTES = patterned(350_001)

interface Started { upload: RecordingUpload, stream: PartWritable<string, object>, writes: () => number }

/** `writes` is how many chunks came in: none where the file was read straight into parts. */
function start (options: { hold?: string[], fail?: Record<string, string> } = {}): Started {
  const upload = new RecordingUpload(options)
  const stream = new PartWritable(upload, { partSize: PART, concurrency: 1 })
  const write = stream._write.bind(stream)
  let writes = 0
  stream._write = (chunk, encoding, done) => {
    writes++
    write(chunk, encoding, done)
  }
  return { upload, stream, writes: () => writes }
}

t.test('an fs.ReadStream is read straight into parts, and is to its owner what it ever was', async t => {
  const { upload, stream, writes } = start()
  const source = createReadStream(await fileWith(t, BYTES))
  const events: string[] = []
  for (const event of ['open', 'ready', 'end', 'close']) source.on(event, () => events.push(event))
  await Promise.all([pipeline(source, stream), closed(source)])
  t.same([upload.stored.equals(BYTES), writes(), source.bytesRead], [true, 0, BYTES.length])
  t.same(events, ['open', 'ready', 'end', 'close'])
})

t.test('any span of a file comes through', async t => {
  const path = await fileWith(t, BYTES)
  const span = fc.tuple(fc.nat(BYTES.length + 10), fc.nat(BYTES.length), fc.boolean())
  await fc.assert(fc.asyncProperty(span, async ([from, length, isOpen]) => {
    const { upload, stream } = start()
    createReadStream(path, { start: from, end: isOpen ? Infinity : from + length }).pipe(stream)
    await finished(stream)
    return upload.stored.equals(BYTES.subarray(from, isOpen ? undefined : from + length + 1))
  }), { seed: 7, numRuns: 20 })
  t.pass()
})

t.test('the last part is known as such where the file ends with it', async t => {
  const { upload, stream } = start()
  await pipeline(createReadStream(await fileWith(t, BYTES.subarray(0, 2 * PART))), stream)
  t.ok(upload.stored.equals(BYTES.subarray(0, 2 * PART)))
  t.same(upload.calls, ['begin', `put 1 0+${PART}`, `put 2 ${PART}+${PART} last`, `complete ${2 * PART}`])
})

const WATCHERS: Record<string, (source: ReadStream, chunks: Buffer[]) => void> = {
  'a listener': (source, chunks) => { source.on('data', chunk => chunks.push(chunk as Buffer)) },
  'a second pipe': (source, chunks) => { source.pipe(new PassThrough()).on('data', (chunk: Buffer) => chunks.push(chunk)) }
}

t.test('who else wants the bytes gets them all, and so does the target', async t => {
  const path = await fileWith(t, BYTES)
  for (const [name, watch] of Object.entries(WATCHERS)) {
    for (const isEarly of [true, false]) {
      const { upload, stream } = start()
      const source = createReadStream(path)
      const chunks: Buffer[] = []
      if (isEarly) watch(source, chunks)
      const stored = pipeline(source, stream)
      if (!isEarly) watch(source, chunks)
      await stored
      t.ok(upload.stored.equals(BYTES) && Buffer.concat(chunks).equals(BYTES), `${name}, ${isEarly ? 'before' : 'after'} the pipe`)
    }
  }
})

t.test('who listens late gets the rest in chunks', async t => {
  const { upload, stream, writes } = start({ hold: ['put 1'] })
  const source = createReadStream(await fileWith(t, BYTES))
  const stored = pipeline(source, stream)
  await upload.reached('put 1')
  const chunks: Buffer[] = []
  source.on('data', chunk => chunks.push(chunk as Buffer))
  upload.release('put 1')
  await stored
  const rest = Buffer.concat(chunks)
  t.ok(upload.stored.equals(BYTES) && writes() > 0)
  t.ok(rest.length > 0 && rest.equals(BYTES.subarray(BYTES.length - rest.length)))
})

t.test('streams that are not plain files take the ordinary way', async t => {
  const path = await fileWith(t, BYTES)
  const handle = await open(path)
  const foreign = { ...fs, read: (...options: Parameters<typeof fs.read>) => fs.read(...options) }
  const sources: Record<string, ReadStream> = {
    autoClose: createReadStream(path, { autoClose: false }),
    fs: createReadStream(path, { fs: foreign } as object),
    handle: handle.createReadStream(),
    overridden: Object.assign(createReadStream(path), { push: fs.ReadStream.prototype.push })
  }
  for (const [name, source] of Object.entries(sources)) {
    const { upload, stream, writes } = start()
    await pipeline(source, stream)
    t.ok(upload.stored.equals(BYTES) && writes() > 0, name)
  }
  const { upload, stream } = start()
  await pipeline(createReadStream(path, 'latin1'), stream)
  t.ok(upload.stored.equals(Buffer.from(BYTES.toString('latin1'))), 'encoding')
})

t.test('what was written before the file comes before it', async t => {
  const { upload, stream } = start()
  stream.write('header')
  await pipeline(createReadStream(await fileWith(t, BYTES)), stream)
  t.ok(upload.stored.equals(Buffer.concat([Buffer.from('header'), BYTES])))
})

t.test('a paused file is not read, and goes on when it is resumed', async t => {
  const { upload, stream, writes } = start()
  const source = createReadStream(await fileWith(t, BYTES))
  const stored = pipeline(source, stream)
  source.pause()
  await once(source, 'ready')
  for (let turns = 0; turns < 20; turns++) await idle()
  t.same([source.bytesRead, upload.calls], [0, []])
  source.resume()
  await stored
  t.same([upload.stored.equals(BYTES), writes()], [true, 0])
})

t.test('an unpiped file goes on as any readable', async t => {
  const { upload, stream } = start({ hold: ['put 1'] })
  const source = createReadStream(await fileWith(t, BYTES))
  source.pipe(stream)
  await upload.reached('put 1')
  source.unpipe(stream)
  upload.release('put 1')
  const rest = Buffer.concat(await source.toArray())
  stream.end()
  await finished(stream)
  t.ok(rest.length > 0 && Buffer.concat([upload.stored, rest]).equals(BYTES))
})

t.test('a failing upload closes the file, an aborted file aborts the upload', async t => {
  const path = await fileWith(t, BYTES)
  const failing = start({ fail: { 'put 2': 'no room' } })
  const source = createReadStream(path)
  await t.rejects(pipeline(source, failing.stream), { message: 'no room' })
  await closed(source)
  t.same([source.destroyed, failing.upload.calls.at(-1)], [true, 'abort'])

  const controller = new AbortController()
  const aborted = start({ hold: ['put 1'] })
  const file = createReadStream(path)
  const stored = pipeline(file, aborted.stream, { signal: controller.signal })
  await aborted.upload.reached('put 1')
  controller.abort()
  await t.rejects(stored, { name: 'AbortError' })
  await Promise.all([closed(file), closed(aborted.stream)])
  t.same(aborted.upload.calls.at(-1), 'abort')
})

t.test('a file that cannot be read fails as ever', async t => {
  const missing = start()
  await t.rejects(pipeline(createReadStream('/no/such/file'), missing.stream), { code: 'ENOENT' })
  t.same(missing.upload.calls, [])
  const folder = start()
  await t.rejects(pipeline(createReadStream('/'), folder.stream), { code: 'EISDIR' })
  t.same(folder.upload.calls, [])
})
