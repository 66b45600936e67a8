import { execFile } from 'node:child_process'
import { hash } from 'node:crypto'
import { promisify } from 'node:util'
import t from 'tap'
import { LANES, Md5Lanes } from '../../../lib/digest/md5-lanes.ts'
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

/** Puts each buffer into a lane as soon as one is free. */
function digestsOf (lanes: Md5Lanes, buffers: Buffer[]): string[] {
  const digests: string[] = []
  const waiting = [...buffers.entries()]
  while (waiting.length > 0 || !lanes.idle) {
    const next = lanes.hasRoom ? waiting.shift() : undefined
    if (next === undefined) lanes.advance()
    else lanes.add(next[1], digest => { digests[next[0]] = digest.toString('hex') })
  }
  return digests
}

const EDGES = [0, 1, 55, 56, 57, 63, 64, 65, 119, 120, 128, 1000, 65_535, 65_536, 65_537, 131_136, 200_000]

t.test('lanes give the digests that OpenSSL gives, at every edge of a block and of a stride', async t => {
  const lanes = new Md5Lanes()
  for (const length of EDGES) {
    for (const count of [1, 2, 4, 5, LANES]) {
      const buffers = Array.from({ length: count }, (_, index) => bytesOf(length, index + 1))
      t.strictSame(digestsOf(lanes, buffers), buffers.map(buffer => hash('md5', buffer)), `${count} × ${length}`)
    }
  }
})

t.test('buffers of other lengths join and leave while the lanes run', async t => {
  const lanes = new Md5Lanes()
  for (const step of [1, 3, 5, 7]) {
    const buffers = Array.from({ length: 3 * EDGES.length }, (_, index) => bytesOf(EDGES[index * step % EDGES.length] ?? 0, index))
    t.strictSame(digestsOf(lanes, buffers), buffers.map(buffer => hash('md5', buffer)), `every ${step}`)
  }
})

t.test('a buffer more than there are lanes is refused', async t => {
  const lanes = new Md5Lanes()
  for (let lane = 0; lane < LANES; lane++) lanes.add(Buffer.alloc(1), () => {})
  t.notOk(lanes.hasRoom)
  t.throws(() => lanes.add(Buffer.alloc(1), () => {}), RangeError)
})

t.test('many buffers of several lengths at once, below, within and above what goes to the thread', async t => {
  const lengths = [0, 100, MD5_OFF_THREAD_MINIMUM - 1, MD5_OFF_THREAD_MINIMUM, MD5_OFF_THREAD_MINIMUM + 13, MD5_OFF_THREAD_MAXIMUM, MD5_OFF_THREAD_MAXIMUM + 1]
  const buffers = [1, 2, 3].flatMap(seed => lengths.map(length => bytesOf(length, seed)))
  const found = await Promise.all(buffers.map(buffer => md5Base64OffThread(buffer)))
  t.strictSame(found, buffers.map(buffer => hash('md5', buffer, 'base64')))
  t.equal(await md5Base64OffThread(buffers[4] as Buffer), hash('md5', buffers[4] as Buffer, 'base64'), 'and again, alone')
})

t.test('chunks are hashed as one', async t => {
  for (const length of [100, 1_000_000, MD5_OFF_THREAD_MAXIMUM]) {
    const whole = bytesOf(length, 7)
    const chunks = [whole.subarray(0, 1), whole.subarray(1, 60), whole.subarray(60, 60), whole.subarray(60)]
    t.equal(await md5Base64OffThread(...chunks), hash('md5', whole, 'base64'))
  }
  t.equal(await md5Base64OffThread(), hash('md5', '', 'base64'))
})

t.test('shared memory is hashed where it is', async t => {
  const shared = Array.from({ length: 20 }, (_, seed) => {
    const bytes = bytesOf(MD5_OFF_THREAD_MAXIMUM - seed * 1000, seed)
    const memory = Buffer.from(new SharedArrayBuffer(bytes.length + 100), 50, bytes.length)
    bytes.copy(memory)
    return memory
  })
  t.strictSame(await Promise.all(shared.map(buffer => md5Base64OffThread(buffer))), shared.map(buffer => hash('md5', buffer, 'base64')))
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
    console.log((await Promise.all(buffers.map(buffer => md5Base64OffThread(buffer)))).join())
  `
  // What the test runner loads into each process is not permitted either.
  const permission = process.allowedNodeEnvironmentFlags.has('--permission') ? '--permission' : '--experimental-permission'
  const { stdout } = await run('env', ['-u', 'NODE_OPTIONS', process.execPath, permission, '--allow-fs-read=*', '--input-type=module', '-e', program], { timeout: 20_000 })
  t.equal(stdout.trim(), Array.from({ length: 3 }, () => hash('md5', Buffer.alloc(1_000_000), 'base64')).join())
})
