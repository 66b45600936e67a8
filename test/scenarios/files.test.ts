/** Files into all clouds: read straight into the memory of parts, by name or through an `fs.ReadStream`. */
import { randomBytes } from 'node:crypto'
import { appendFileSync, createReadStream } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import t from 'tap'
import { startEmulator } from '../../emulator/index.ts'
import type { Emulator } from '../../emulator/index.ts'
import { defaultBudget } from '../../lib/bytes/byte-budget.ts'
import { MiB } from '../../lib/bytes/sizes.ts'
import { AzureFiles } from '../../streams/azure-files/client.ts'
import { OneDrive } from '../../streams/onedrive/client.ts'
import { R2 } from '../../streams/r2/client.ts'

const BYTES = randomBytes(12 * MiB + 345)

interface Started {
  emulator: Emulator
  r2: R2
  onedrive: OneDrive
  azure: AzureFiles
  path: string
}

async function start (t: { teardown (end: () => Promise<void>): void }): Promise<Started> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-'))
  const path = join(folder, 'a.bin')
  await writeFile(path, BYTES)
  const emulator = await startEmulator({ seed: 4 })
  const env = emulator.env()
  const clients = {
    r2: R2.fromEnv({ partSize: 5 * MiB, concurrency: 1 }, env),
    onedrive: OneDrive.fromEnv({ fragmentSize: 10 * 327_680 }, env),
    azure: AzureFiles.fromEnv({ rangeSize: 2 * MiB, concurrency: 1 }, env)
  }
  t.teardown(async () => {
    for (const client of Object.values(clients)) await client.close()
    await emulator.close()
    await rm(folder, { recursive: true })
  })
  return { emulator, ...clients, path }
}

async function stored ({ emulator: { r2, oneDrive, azureFiles } }: Started): Promise<Array<Buffer | undefined>> {
  return await Promise.all([r2.state.read('a'), oneDrive.state.read('/a'), azureFiles.state.read('a')].map(async content => {
    if (content === undefined) return undefined
    const chunks: Buffer[] = []
    for await (const chunk of content) chunks.push(Buffer.from(chunk))
    return Buffer.concat(chunks)
  }))
}

/** What were spooled would fail. */
const NO_SPOOL = { spool: { memory: 0, directory: '/nowhere' } }

t.test('uploadFile() stores a file in each cloud, whole or a span of it', async t => {
  const started = await start(t)
  const { r2, onedrive, azure, path } = started
  const results = [await r2.uploadFile('a', path), await onedrive.uploadFile('/a', path, NO_SPOOL), await azure.uploadFile('a', path)]
  t.same(results.map(({ size }) => size), Array(3).fill(BYTES.length))
  t.ok((await stored(started)).every(bytes => bytes?.equals(BYTES)))

  const span = { start: MiB, end: 8 * MiB }
  await Promise.all([r2.uploadFile('a', path, span), onedrive.uploadFile('/a', path, { ...span, ...NO_SPOOL }), azure.uploadFile('a', path, span)])
  t.ok((await stored(started)).every(bytes => bytes?.equals(BYTES.subarray(MiB, 8 * MiB + 1))))
  t.same([defaultBudget.inUse, defaultBudget.waiting], [0, 0])
})

t.test('an fs.ReadStream arrives whole in each cloud', async t => {
  const started = await start(t)
  const { r2, onedrive, azure, path } = started
  for (const target of [r2.createWriteStream('a'), onedrive.createWriteStream('/a', NO_SPOOL), azure.createWriteStream('a')]) {
    await pipeline(createReadStream(path), target)
  }
  t.ok((await stored(started)).every(bytes => bytes?.equals(BYTES)))
})

t.test('a file of whole parts arrives whole in each cloud', async t => {
  const { r2, onedrive, azure, path } = await start(t)
  await writeFile(path, BYTES.subarray(0, 10 * MiB))
  const results = []
  for (const target of [r2.createWriteStream('a'), onedrive.createWriteStream('/a', { fragmentSize: 5 * MiB }), azure.createWriteStream('a')]) {
    await pipeline(createReadStream(path), target)
    results.push([target.result?.size, target.bytesStored])
  }
  t.same(results, Array(3).fill([10 * MiB, 10 * MiB]))
})

t.test('a file that grows while it is stored is published nowhere', async t => {
  const started = await start(t)
  const { r2, onedrive, azure, path } = started
  let size = BYTES.length
  for (const target of [r2.createWriteStream('a'), onedrive.createWriteStream('/a'), azure.createWriteStream('a')]) {
    target.once('progress', () => appendFileSync(path, 'x'))
    const refused: Promise<unknown> = target.fromFile(path)
    await t.rejects(refused, { name: 'SizeMismatchError', expected: size, found: ++size, remote: 'clean' })
  }
  t.same(await stored(started), [undefined, undefined, undefined])
  t.same((await r2.multipart.listUploads()).entries, [])
})
