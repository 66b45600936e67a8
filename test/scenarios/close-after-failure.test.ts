/** `pipeline` comes back before a destroyed writable has removed what it left; a client that is closed then waits for it. */
import { Readable } from 'node:stream'
import type { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import t from 'tap'
import { startEmulator } from '../../emulator/index.ts'
import type { Emulator } from '../../emulator/index.ts'
import { MiB } from '../../lib/bytes/sizes.ts'
import { AzureFiles } from '../../streams/azure-files/client.ts'
import { OneDrive } from '../../streams/onedrive/client.ts'
import { R2 } from '../../streams/r2/client.ts'

const SIZE = 40 * MiB

interface Cloud {
  open (emulator: Emulator): { client: { close (): Promise<void> }, write: (signal?: AbortSignal) => Writable & { remote: string | undefined } }
  left (emulator: Emulator): number
}

const CLOUDS: Record<string, Cloud> = {
  R2: {
    open (emulator) {
      const client = new R2(emulator.r2.options())
      return { client, write: signal => client.createWriteStream('k', { partSize: 5 * MiB, ...(signal && { signal }) }) }
    },
    left: emulator => emulator.r2.state.uploads().length
  },
  OneDrive: {
    open (emulator) {
      const client = new OneDrive(emulator.oneDrive.options())
      return { client, write: signal => client.createWriteStream('/k', { size: SIZE, fragmentSize: 10 * 327_680, ...(signal && { signal }) }) }
    },
    left: emulator => emulator.oneDrive.state.sessions().length
  },
  'Azure Files': {
    open (emulator) {
      const client = new AzureFiles(emulator.azureFiles.options())
      return { client, write: signal => client.createWriteStream('k', { ...(signal && { signal }) }) }
    },
    left: emulator => emulator.azureFiles.state.entries().length
  }
}

for (const [name, { open, left }] of Object.entries(CLOUDS)) {
  t.test(`${name}: close() right after a source has failed leaves nothing behind`, async t => {
    const emulator = await startEmulator({})
    t.teardown(() => emulator.close())
    const { client, write } = open(emulator)
    const writable = write()
    await t.rejects(pipeline(Readable.from(failing()), writable), { message: 'The source failed' })
    await client.close()
    t.equal(writable.closed, true)
    t.equal(writable.remote, 'clean')
    t.equal(left(emulator), 0)
  })

  t.test(`${name}: close() right after an abort leaves nothing behind`, async t => {
    const emulator = await startEmulator({})
    t.teardown(() => emulator.close())
    const { client, write } = open(emulator)
    const controller = new AbortController()
    const writable = write(controller.signal)
    const written = t.rejects(pipeline(Readable.from(endless()), writable), { name: 'AbortError' })
    writable.once('progress', () => {
      controller.abort()
      void client.close().then(() => { t.equal(left(emulator), 0) })
    })
    await written
    await client.close()
    t.equal(writable.remote, 'clean')
  })

  t.test(`${name}: close() waits for no stream that is only open`, async t => {
    const emulator = await startEmulator({})
    t.teardown(() => emulator.close())
    const { client, write } = open(emulator)
    const writable = write()
    await client.close()
    t.equal(writable.destroyed, false)
    writable.destroy()
  })
}

function * failing (): Generator<Buffer> {
  for (let sent = 0; sent < 30 * MiB; sent += MiB) yield Buffer.alloc(MiB, 1)
  throw new Error('The source failed')
}

function * endless (): Generator<Buffer> {
  for (let sent = 0; sent < SIZE; sent += MiB) yield Buffer.alloc(MiB, 1)
}
