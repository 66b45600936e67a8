import { execFile } from 'node:child_process'
import { hash } from 'node:crypto'
import { promisify } from 'node:util'
import t from 'tap'
import { DIGEST_ALGORITHMS, createDigest } from '../../../lib/digest/digest.ts'
import { SHARED_MINIMUM, digestOffThread, quickXorOffThread } from '../../../lib/digest/off-thread.ts'
import { QuickXorDigest, quickXorBase64 } from '../../../lib/digest/quick-xor.ts'
import { sha256Hex } from '../../../lib/digest/sha256-off-thread.ts'

const run = promisify(execFile)
const MODULE = new URL('../../../lib/digest/off-thread.js', import.meta.url)

function shared (length: number, seed = 1): Buffer {
  const bytes = Buffer.from(new SharedArrayBuffer(length))
  for (let index = 0; index < length; index++) bytes[index] = (index * 7 + (index >> 9) * seed) % 251
  return bytes
}

t.test('digestOffThread() gives every digest as it is on the main thread, whatever the memory and its length', async t => {
  for (const length of [0, SHARED_MINIMUM - 1, SHARED_MINIMUM, SHARED_MINIMUM + 13]) {
    const bytes = shared(length)
    for (const algorithm of DIGEST_ALGORITHMS) {
      const expected = (await createDigest(algorithm)).update(bytes).digest()
      t.same(await digestOffThread(algorithm, bytes), expected, `${algorithm} of ${length} shared`)
      t.same(await digestOffThread(algorithm, Buffer.from(bytes)), expected, `${algorithm} of ${length}`)
    }
  }
})

t.test('digestOffThread() keeps many buffers apart that are hashed at once, parts of a larger one too', async t => {
  const whole = shared(8 * SHARED_MINIMUM)
  const buffers = Array.from({ length: 12 }, (_, index) => whole.subarray(index * 1001, index * 1001 + SHARED_MINIMUM + index))
  const digests = await Promise.all(buffers.map(buffer => digestOffThread('sha256', buffer)))
  t.same(digests.map(digest => digest.toString('hex')), buffers.map(buffer => hash('sha256', buffer)))
})

t.test('sha256Hex() takes shared memory, which WebCrypto refuses', async t => {
  const bytes = shared(SHARED_MINIMUM)
  t.equal(await sha256Hex(bytes), hash('sha256', bytes))
})

t.test('quickXorOffThread() gives parts that fold into the digest of the whole', async t => {
  const whole = shared(3 * SHARED_MINIMUM + 77)
  const cut = SHARED_MINIMUM + 33
  const digest = new QuickXorDigest()
  for (let offset = 0; offset < whole.length; offset += cut) digest.fold(await quickXorOffThread(whole.subarray(offset, offset + cut)), offset)
  t.same([digest.digest().toString('base64'), digest.size], [quickXorBase64(whole), whole.length])
})

t.test('a program ends although the threads still wait for work', async t => {
  const program = `import { digestOffThread } from ${JSON.stringify(MODULE.href)}
    console.log((await digestOffThread('crc32', new Uint8Array(new SharedArrayBuffer(${SHARED_MINIMUM})))).toString('hex'))`
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', program])
  t.equal(stdout.trim(), (await createDigest('crc32')).update(Buffer.alloc(SHARED_MINIMUM)).digest().toString('hex'))
})

t.test('digests are computed on the main thread where the process may start no other', async t => {
  const program = `import { digestOffThread } from ${JSON.stringify(MODULE.href)}
    console.log((await digestOffThread('crc32', new Uint8Array(new SharedArrayBuffer(${SHARED_MINIMUM})))).toString('hex'))`
  // What the test runner loads into each process is not permitted either.
  const permission = process.allowedNodeEnvironmentFlags.has('--permission') ? '--permission' : '--experimental-permission'
  const { stdout } = await run('env', ['-u', 'NODE_OPTIONS', process.execPath, permission, '--allow-fs-read=*', '--input-type=module', '--eval', program])
  t.equal(stdout.trim(), (await createDigest('crc32')).update(Buffer.alloc(SHARED_MINIMUM)).digest().toString('hex'))
})
