import { createHash } from 'node:crypto'
import { PassThrough, Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { FolderContentStore, type ContentEntry, type ContentStore } from '../../lib/simulation/content-store.ts'
import { recordingTee } from '../../streams/recording-tee.ts'

const BYTES = Buffer.from('123456789')
const SHA256 = createHash('sha256').update(BYTES).digest('hex')

class TracingStore implements ContentStore, ContentEntry {
  readonly calls: string[] = []
  readonly #fails: string
  constructor (fails = 'nothing') { this.#fails = fails }
  create (): ContentEntry { return this }
  write (chunk: Uint8Array): Promise<void> { return this.#call(`write ${Buffer.from(chunk)}`) }
  commit (sha256: string, size: number): Promise<void> { return this.#call(`commit ${sha256} ${size}`) }
  discard (): Promise<void> { return this.#call('discard') }

  async #call (call: string): Promise<void> {
    this.calls.push(call)
    await setImmediate()
    if (call.startsWith(this.#fails)) throw new Error(`${this.#fails} failed`)
  }
}

t.test('recordingTee() stores what passes and ends after the commit', async t => {
  const store = new TracingStore()
  const tee = recordingTee(store)
  tee.on('end', () => store.calls.push('end'))
  t.strictSame(await buffer(Readable.from([Buffer.from('1234'), Buffer.from('56789')]).pipe(tee)), BYTES)
  t.strictSame(store.calls, ['write 1234', 'write 56789', `commit ${SHA256} 9`, 'end'])
  t.strictSame(tee.content, { sha256: SHA256, size: 9 })
})

t.test('recordingTee() into a folder gives the bytes back', async t => {
  const store = new FolderContentStore(t.testdir())
  const tee = recordingTee(store)
  await pipeline(Readable.from(Array(50).fill(Buffer.alloc(70_001, 'x'))), tee, new PassThrough().resume())
  const stored = await buffer(store.createReadStream(tee.content?.sha256 ?? ''))
  t.ok(stored.equals(Buffer.alloc(50 * 70_001, 'x')))
})

t.test('recordingTee() keeps its record when the consumer changes the chunks in place', async t => {
  const store = new TracingStore()
  const tee = recordingTee(store)
  tee.on('data', (chunk: Buffer) => chunk.fill('!'))
  await pipeline(Readable.from([Buffer.from(BYTES)]), tee)
  t.strictSame(store.calls, ['write 123456789', `commit ${SHA256} 9`])
})

t.test('recordingTee() waits for a slow store', async t => {
  const store = new TracingStore()
  let release = (): void => undefined
  store.write = () => new Promise<void>(resolve => { release = resolve })
  const tee = recordingTee(store)
  tee.resume().write(Buffer.alloc(tee.writableHighWaterMark))
  await settle()
  t.equal(tee.writableNeedDrain, true)
  release()
  await settle()
  t.equal(tee.writableNeedDrain, false)
  tee.destroy()
})

t.test('recordingTee() waits for a slow consumer', async t => {
  const store = new TracingStore()
  const tee = recordingTee(store)
  for (let i = 0; i < 10; i++) tee.write(Buffer.alloc(tee.readableHighWaterMark, 'x'))
  await settle()
  t.equal(store.calls.length, 1)
  tee.destroy()
})

t.test('recordingTee() fails with its store, and discards', async t => {
  for (const fails of ['write', 'commit']) {
    const store = new TracingStore(fails)
    const tee = recordingTee(store)
    await t.rejects(pipeline(Readable.from([BYTES]), tee, new PassThrough().resume()), { message: `${fails} failed` })
    t.equal(store.calls.at(-1), 'discard')
    t.equal(tee.content, undefined)
  }
})

t.test('recordingTee() that is to continue loses the record and not the bytes', async t => {
  for (const fails of ['write', 'commit']) {
    const store = new TracingStore(fails)
    const tee = recordingTee(store, { onStoreError: 'continue' })
    const heard: string[] = []
    tee.on('store-error', error => heard.push(error.message))
    t.strictSame(await buffer(Readable.from([Buffer.from('1234'), Buffer.from('56789')]).pipe(tee)), BYTES)
    t.strictSame(heard, [`${fails} failed`])
    t.equal(tee.storeError?.message, `${fails} failed`)
    t.equal(tee.content, undefined)
    t.strictSame(store.calls.filter(call => call === 'discard'), ['discard'])
  }
})

t.test('recordingTee() that is destroyed discards after the write in flight', async t => {
  const store = new TracingStore('discard')
  const tee = recordingTee(store)
  const outcome = buffer(tee)
  tee.write(BYTES)
  tee.destroy(new Error('cut'))
  await t.rejects(outcome, { message: 'cut' }) // and not with the failed discard
  t.strictSame(store.calls, ['write 123456789', 'discard'])
})

t.test('recordingTee() ends with an AbortError when its signal aborts', async t => {
  const store = new TracingStore()
  await t.rejects(buffer(recordingTee(store, { signal: AbortSignal.abort() })), { name: 'AbortError' })
  t.strictSame(store.calls, ['discard'])
})

t.test('recordingTee() refuses bad options at once', t => {
  t.throws(() => recordingTee({} as ContentStore), new TypeError('Cannot create recordingTee as store must be a content store: received {}'))
  t.throws(() => recordingTee(new TracingStore(), { onStoreError: 'ignore' as 'fail' }), RangeError)
  t.end()
})

async function settle (): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await setImmediate()
}
