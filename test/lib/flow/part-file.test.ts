import { execFile } from 'node:child_process'
import { appendFile, mkdtemp, rm, truncate } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { SizeMismatchError } from '../../../lib/errors.ts'
import { PartWritable } from '../../../lib/flow/part-writable.ts'
import type { PartProgress } from '../../../lib/flow/part-writable.ts'
import { fileWith } from './support/files.ts'
import { RecordingUpload, patterned } from './support/recording-upload.ts'

const run = promisify(execFile)

t.test('fromFile() stores a file in parts, its size known from the first', async t => {
  const upload = new RecordingUpload()
  const stream = new PartWritable(upload, { partSize: 8, concurrency: 2 })
  const progress: PartProgress[] = []
  stream.on('progress', event => progress.push(event))
  const result = await stream.fromFile(await fileWith(t, patterned(20)))
  t.same(upload.calls, ['begin', 'put 1 0+8', 'put 2 8+8', 'put 3 16+4 last', 'complete 20'])
  t.same(upload.info, { size: 20, expected: 20 })
  t.same(upload.stored, patterned(20))
  t.equal(result, stream.result)
  t.same(progress.map(({ transferred, total }) => `${transferred}/${total}`), ['8/20', '16/20', '20/20'])
  t.same([stream.closed, stream.bytesWritten], [true, 20])
})

t.test('fromFile() stores less than a part, or nothing, whole', async t => {
  for (const size of [0, 7]) {
    const upload = new RecordingUpload()
    await new PartWritable(upload, { partSize: 8, concurrency: 2 }).fromFile(await fileWith(t, patterned(size)))
    t.same([upload.calls, upload.stored], [[`whole ${size}`], patterned(size)])
  }
})

t.test('fromFile() stores any span of a file, both ends inside', async t => {
  const path = await fileWith(t, patterned(20))
  for (const [span, from, to] of [[{ start: 3 }, 3, 20], [{ start: 3, end: 3 }, 3, 4], [{ end: 9 }, 0, 10], [{ start: 5, end: 99 }, 5, 20], [{ start: 30 }, 20, 20], [{ end: Infinity }, 0, 20]] as const) {
    const upload = new RecordingUpload()
    await new PartWritable(upload, { partSize: 6, concurrency: 2 }).fromFile(path, span)
    t.same(upload.stored, patterned(20).subarray(from, to), JSON.stringify(span))
  }
})

t.test('fromFile() publishes nothing of a file that grows or shrinks while it is read', async t => {
  for (const [change, found] of [[(path: string) => appendFile(path, 'x'), 21], [(path: string) => truncate(path, 10), 10]] as const) {
    const path = await fileWith(t, patterned(20))
    const upload = new RecordingUpload({ hold: ['put 1'] })
    const stored = new PartWritable(upload, { partSize: 8, concurrency: 1 }).fromFile(path)
    await upload.reached('put 1')
    await change(path)
    upload.release('put 1')
    const error = await stored.catch((error: unknown) => error)
    t.type(error, SizeMismatchError)
    t.match(error, { expected: 20, remote: 'clean', message: /^Cannot store file ".*a\.bin" as it changed its size while it was read: expected 20 bytes, found / })
    t.same([(error as SizeMismatchError).found, upload.calls.includes('abort'), upload.calls.includes('complete 20')], [found, true, false])
  }
})

t.test('fromFile() lets a file grow behind the span that is wanted', async t => {
  const path = await fileWith(t, patterned(20))
  const upload = new RecordingUpload({ hold: ['put 1'] })
  const stored = new PartWritable(upload, { partSize: 8, concurrency: 1 }).fromFile(path, { end: 15 })
  await upload.reached('put 1')
  await appendFile(path, 'x')
  upload.release('put 1')
  await stored
  t.same(upload.stored, patterned(20).subarray(0, 16))
})

t.test('fromFile() refuses a file of another size than the declared one', async t => {
  const upload = new RecordingUpload()
  const stream = new PartWritable(upload, { partSize: 8, concurrency: 1, size: 19 })
  await t.rejects(stream.fromFile(await fileWith(t, patterned(20))), { name: 'SizeMismatchError', expected: 19, found: 20 })
  t.same(upload.calls, [])
})

t.test('fromFile() tells at once of a file that needs too many parts', async t => {
  const upload = new RecordingUpload()
  const stream = new PartWritable(upload, { partSize: 2, concurrency: 1, maxParts: 3 })
  await t.rejects(stream.fromFile(await fileWith(t, patterned(7))), RangeError)
  t.same(upload.calls, [])
})

t.test('fromFile() rejects as open() does, and with an AbortError when it is aborted', async t => {
  const missing = new PartWritable(new RecordingUpload(), { partSize: 8, concurrency: 1 })
  await t.rejects(missing.fromFile('/no/such/file'), { code: 'ENOENT' })
  t.ok(missing.closed)
  const span = new PartWritable(new RecordingUpload(), { partSize: 8, concurrency: 1 })
  await t.rejects(span.fromFile('/no/such/file', { start: 5, end: 4 }), new RangeError('Cannot read from 5 to 4 as end must not be less than start'))

  const controller = new AbortController()
  const upload = new RecordingUpload({ hold: ['put 2'] })
  const stream = new PartWritable(upload, { partSize: 4, concurrency: 1, signal: controller.signal })
  const stored = stream.fromFile(await fileWith(t, patterned(20)))
  await upload.reached('put 2')
  controller.abort('enough')
  await t.rejects(stored, { name: 'AbortError', cause: 'enough' })
  t.same(upload.calls, ['begin', 'put 1 0+4', 'put 2 4+4', 'put 2 aborted', 'abort'])
})

t.test('fromFile() stores the bytes of a pipe as a stream', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const path = join(folder, 'pipe')
  await run('mkfifo', [path])
  const written = run('sh', ['-c', `printf 0123456789 > '${path}'`])
  const upload = new RecordingUpload()
  await new PartWritable(upload, { partSize: 4, concurrency: 1 }).fromFile(path)
  await written
  t.same(upload.stored.toString(), '0123456789')
})
