// A unit test of code that mirrors a folder, on a recording that is made where there is none yet.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { after } from 'node:test'
import { pipeline } from 'node:stream/promises'
import { R2 } from 'sluice'
import { SkippingClock } from 'sluice/simulation'

/** The code under test. */
async function mirror (r2, from, to) {
  const copied = []
  for await (const { key } of r2.createListStream({ prefix: from })) {
    await pipeline(r2.createReadStream(key), r2.createWriteStream(key.replace(from, to)))
    copied.push(key.replace(from, to))
  }
  return copied
}

// In a project it is committed, beside the test.
const folder = await mkdtemp(join(tmpdir(), 'sluice-example-'))
after(() => rm(folder, { recursive: true }))
const recording = join(folder, 'mirror')

/** Asks the recording; the first time, the service itself. Closed by `run`, as only then a recording is whole. */
function client (simulation = {}) {
  if (!existsSync(recording)) return R2.fromEnv({ simulation: { record: recording } })
  return new R2({ bucket: process.env.R2_BUCKET, clock: new SkippingClock(), simulation: { replay: recording, ...simulation } })
}

async function run (r2) {
  try {
    for (const name of ['a', 'b']) await r2.put(`photos/${name}.txt`, `photo ${name}`)
    return await mirror(r2, 'photos/', 'backup/')
  } finally {
    await r2.close()
  }
}

test('mirror() copies all, while it is recorded', async () => {
  const r2 = client()
  assert.equal(r2.simulation.mode, 'recording')
  assert.deepEqual(await run(r2), ['backup/a.txt', 'backup/b.txt'])
})

test('mirror() copies all, from the recording', async () => {
  const r2 = client()
  assert.equal(r2.simulation.mode, 'replay')
  assert.deepEqual(await run(r2), ['backup/a.txt', 'backup/b.txt'])
  r2.simulation.verify({ exhausted: true })
})

test('mirror() goes on where a download is cut and an answer is lost', async () => {
  const r2 = client({
    mutations: [
      { on: { operation: 'get_object' }, do: { reset: { responseByte: 3 } } },
      { on: { operation: 'put_object', path: 'backup/b.txt' }, do: { loseAnswer: true } }
    ]
  })
  assert.deepEqual(await run(r2), ['backup/a.txt', 'backup/b.txt'])
  r2.simulation.verify()
})

test('mirror() lets a flipped bit be known, instead of copying it', async () => {
  const r2 = client({ mutations: [{ on: { operation: 'get_object' }, do: { flipBit: { responseByte: 0 } } }] })
  await assert.rejects(run(r2), { name: 'DigestMismatchError' })
  r2.simulation.verify()
})
