/** Whole simulations from what is committed below fixtures/. */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { generatedChunks } from '../../fixtures/flows/bytes.ts'
import { MiB } from '../../lib/bytes/sizes.ts'
import { SimulationReplayer } from '../../lib/simulation/replayer.ts'
import { R2 } from '../../streams/r2/client.ts'
import { FIXTURES } from './support/replays.ts'

const RECORD = fileURLToPath(new URL('../../fixtures/record.js', import.meta.url))
const NAMED = join(FIXTURES, 'multipart_100mb.json')

t.test('test_multipart_upload_flow', async t => {
  const replayer = SimulationReplayer.fromFile(NAMED)
  const completed = replayer.interactions.at(-1)
  t.match(completed, { operation: 'complete_multipart_upload', response: { status: 200 } })
  const expected = /<ETag>&quot;([0-9a-f]{32}-10)&quot;<\/ETag>|<ETag>"([0-9a-f]{32}-10)"<\/ETag>/.exec(String(completed?.response?.body))?.slice(1).find(Boolean)
  t.match(expected, /-10$/)
  await using r2 = new R2({ bucket: 'sluice', simulation: { replay: replayer } })
  const upload = r2.createWriteStream('videos/100mb.bin')
  await pipeline(Readable.from(generatedChunks(100 * MiB)), upload)
  t.match(upload.result, { size: 100 * MiB, parts: 10, attempts: 12, reconciled: false, etag: `"${expected}"` })
  r2.simulation.verify({ exhausted: true })
})

t.test('the named fixture holds hashes instead of bytes, and stays small', async t => {
  const text = await readFile(NAMED, 'utf8')
  t.ok(text.length < 64 * 1024, `${text.length} bytes`)
  const { interactions } = SimulationReplayer.fromFile(NAMED)
  const parts = interactions.filter(({ operation }) => operation === 'upload_part')
  t.same(parts.map(({ request }) => request.content_length), Array(10).fill(10 * MiB))
  t.ok(parts.every(({ request }) => /^sha256:[0-9a-f]{64}$/.test(request.content_hash ?? '')))
})

t.test('recording again gives the same files, byte for byte', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-fixtures-'))
  t.teardown(() => rm(folder, { recursive: true }))
  await promisify(execFile)(process.execPath, [RECORD, folder])
  const recorded = await filesBelow(folder)
  t.ok(recorded.length > 20)
  t.same(recorded, await recordedBelow(FIXTURES))
  for (const path of recorded) {
    const [now, committed] = await Promise.all([readFile(join(folder, path)), readFile(join(FIXTURES, path))])
    t.ok(now.equals(committed), `${path}: "npm run fixtures" records it anew`)
  }
})

async function filesBelow (folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries.filter(entry => entry.isFile()).map(entry => relative(folder, join(entry.parentPath, entry.name))).sort()
}

/** Without the sources beside them. */
async function recordedBelow (folder: string): Promise<string[]> {
  return (await filesBelow(folder)).filter(path => path.startsWith('recordings') || path.endsWith('.json'))
}
