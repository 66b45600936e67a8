import { execFile } from 'node:child_process'
import { hash } from 'node:crypto'
import { promisify } from 'node:util'
import t from 'tap'
import { Md5Lanes } from '../../../lib/digest/md5-lanes.ts'
import { MD5_OFF_THREAD_MAXIMUM, MD5_OFF_THREAD_MINIMUM, md5Base64OffThread } from '../../../lib/digest/md5-off-thread.ts'

const run = promisify(execFile)
const MODULE = new URL('../../../lib/digest/md5-off-thread.js', import.meta.url)

/** Bytes that differ everywhere and from seed to seed. */
function bytesOf (length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length)
  for (let index = 0, state = seed; index < length; index++) {
    state = Math.imul(state, 1664525) + 1013904223 | 0
    bytes[index] = state >>> 24
  }
  return bytes
}

t.test('lanes give the digests that OpenSSL gives, at every edge of a block and of a stride', async t => {
  const lanes = new Md5Lanes()
  for (const length of [0, 1, 55, 56, 57, 63, 64, 65, 119, 120, 128, 1000, 65_535, 65_536, 65_537, 131_136, 200_000]) {
    for (const count of [1, 2, 3, 4]) {
      const buffers = Array.from({ length: count }, (_, index) => bytesOf(length, index + 1))
      t.strictSame(lanes.digest(buffers).map(digest => digest.toString('hex')), buffers.map(buffer => hash('md5', buffer)), `${count} × ${length}`)
    }
  }
  t.throws(() => lanes.digest([Buffer.alloc(1), Buffer.alloc(2)]), RangeError)
  t.throws(() => lanes.digest(Array.from({ length: 5 }, () => Buffer.alloc(1))), RangeError)
})

t.test('many buffers of several lengths at once, below, within and above what goes to the thread', async t => {
  const lengths = [0, 100, MD5_OFF_THREAD_MINIMUM - 1, MD5_OFF_THREAD_MINIMUM, MD5_OFF_THREAD_MINIMUM + 13, MD5_OFF_THREAD_MAXIMUM, MD5_OFF_THREAD_MAXIMUM + 1]
  const buffers = [1, 2, 3].flatMap(seed => lengths.map(length => bytesOf(length, seed)))
  const found = await Promise.all(buffers.map(buffer => md5Base64OffThread(buffer)))
  t.strictSame(found, buffers.map(buffer => hash('md5', buffer, 'base64')))
  t.equal(await md5Base64OffThread(buffers[4] as Buffer), hash('md5', buffers[4] as Buffer, 'base64'), 'and again, alone')
})

t.test('the thread neither keeps the process alive nor lets it end before it has answered', async t => {
  const program = `
    const { md5Base64OffThread } = await import(${JSON.stringify(MODULE.href)})
    md5Base64OffThread(Buffer.alloc(1_000_000)).then(console.log)
  `
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', program], { timeout: 20_000 })
  t.equal(stdout.trim(), hash('md5', Buffer.alloc(1_000_000), 'base64'))
})

t.test('without permission for threads the bytes are hashed all the same', async t => {
  const program = `
    const { md5Base64OffThread } = await import(${JSON.stringify(MODULE.href)})
    const buffers = [1, 2, 3].map(() => Buffer.alloc(1_000_000))
    console.log((await Promise.all(buffers.map(md5Base64OffThread))).join())
  `
  // What the test runner loads into each process is not permitted either.
  const permission = process.allowedNodeEnvironmentFlags.has('--permission') ? '--permission' : '--experimental-permission'
  const { stdout } = await run('env', ['-u', 'NODE_OPTIONS', process.execPath, permission, '--allow-fs-read=*', '--input-type=module', '-e', program], { timeout: 20_000 })
  t.equal(stdout.trim(), Array.from({ length: 3 }, () => hash('md5', Buffer.alloc(1_000_000), 'base64')).join())
})
