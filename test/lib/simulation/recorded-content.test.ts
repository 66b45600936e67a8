import { createHash } from 'node:crypto'
import t from 'tap'
import { KiB, MiB } from '../../../lib/bytes/sizes.ts'
import type { ContentEntry } from '../../../lib/simulation/content-store.ts'
import { FolderContentStore } from '../../../lib/simulation/content-store.ts'
import { ContentRecorder, storeRequestBody } from '../../../lib/simulation/recorded-content.ts'
import { temporaryFolder } from './support/recordings.ts'

/** A disk that writes when it is told to. */
class SlowEntry implements ContentEntry {
  readonly committed: string[] = []
  discarded = 0
  #release: Array<() => void> = []

  write (): Promise<void> {
    return new Promise(resolve => { this.#release.push(resolve) })
  }

  async writeOne (): Promise<void> {
    while (this.#release.length === 0) await new Promise<void>(resolve => { setImmediate(resolve) })
    this.#release.shift()?.()
    await new Promise<void>(resolve => { setImmediate(resolve) })
  }

  async commit (sha256: string): Promise<void> { this.committed.push(sha256) }
  async discard (): Promise<void> { this.discarded++ }
}

t.test('The network waits for a disk that has more than 1 MiB to write, until it has less', async t => {
  const entry = new SlowEntry()
  const held: boolean[] = []
  const recorder = new ContentRecorder({ create: () => entry }, value => held.push(value), error => { throw error })
  const chunk = Buffer.alloc(512 * KiB, 'x')
  recorder.receive(chunk)
  recorder.receive(chunk)
  t.same(held, [])
  recorder.receive(chunk)
  t.same(held, [true])
  chunk.fill('y') // The reader may change what it was given.
  await entry.writeOne()
  t.same(held, [true, false])
  await entry.writeOne()
  await entry.writeOne()
  const stored = await recorder.finish()
  const sha256 = createHash('sha256').update(Buffer.alloc(1536 * KiB, 'x')).digest('hex')
  t.same(stored, { content_hash: `sha256:${sha256}`, content_length: 1536 * KiB })
  t.same(entry.committed, [sha256])
})

t.test('Of a body whose sender gave up nothing is kept', async t => {
  const folder = await temporaryFolder(t)
  const contents = new FolderContentStore(folder)
  const body = Buffer.alloc(MiB, 'x')
  const sha256 = createHash('sha256').update(body).digest('hex')
  let asked = 0
  t.same(await storeRequestBody(body, contents, true, () => { asked++; return asked === 2 }), {})
  t.equal(asked, 2) // When it was hashed, and when it was written.
  t.equal(await contents.sizeOf(sha256), undefined)
  t.match(await storeRequestBody(body, contents, true, () => false), { content_length: MiB })
  t.equal(await contents.sizeOf(sha256), MiB)
})
