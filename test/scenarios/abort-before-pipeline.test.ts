import { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import t from 'tap'
import { startEmulator } from '../../emulator/index.ts'
import { R2 } from '../../streams/r2/index.ts'

t.test('a signal that aborts between the making of a stream and its pipeline rejects the pipeline, and ends no process', async t => {
  await using emulator = await startEmulator()
  await using r2 = new R2(emulator.r2.options())
  const nowhere = (): Writable => new Writable({ write: (_chunk, _encoding, done) => done() })
  const shapes: Record<string, (signal: AbortSignal) => () => Promise<void>> = {
    upload: signal => {
      const stream = r2.createWriteStream('k', { signal })
      return () => pipeline(Readable.from(['bytes']), stream)
    },
    download: signal => {
      const stream = r2.createReadStream('k', { signal })
      return () => pipeline(stream, nowhere())
    },
    listing: signal => {
      const stream = r2.createListStream({ signal })
      return () => pipeline(stream, nowhere())
    }
  }
  for (const [name, make] of Object.entries(shapes)) {
    const controller = new AbortController()
    const run = make(controller.signal)
    controller.abort('too late')
    await t.rejects(run(), { name: 'AbortError' }, name)
  }
  t.equal(emulator.requests.count(), 0, 'nothing was sent')
})
