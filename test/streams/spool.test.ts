import { randomBytes } from 'node:crypto'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readlinkSync, statSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable, Writable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import fc from 'fast-check'
import t from 'tap'
import { SpoolStore, spool } from '../../streams/spool.ts'

const MIXED = randomBytes(300_000)

async function folder (t: { teardown (end: () => Promise<void>): void }): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'spool-test-'))
  t.teardown(() => rm(path, { recursive: true, force: true }))
  return path
}

/** Files without a name that this process has open there, as Linux shows them. */
function openSpools (directory: string): number[] {
  if (process.platform !== 'linux') return []
  return readdirSync('/proc/self/fd').flatMap(fd => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(`${directory}/`) ? [Number(fd)] : []
    } catch {
      return []
    }
  })
}

t.test('spool() lets nothing out before all is in, and tells the size first', async t => {
  const stream = spool({ memory: 1000, directory: await folder(t) })
  const events: string[] = []
  stream.once('spooled', size => events.push(`spooled ${size}`))
  stream.once('data', () => events.push('data'))
  t.equal(stream.size, undefined)
  const source = new PassThrough()
  const reading = buffer(source.pipe(stream))
  source.write(MIXED.subarray(0, 200_000))
  await new Promise(resolve => setImmediate(resolve))
  t.strictSame(events, [])
  source.end(MIXED.subarray(200_000))
  t.ok((await reading).equals(MIXED))
  t.strictSame(events, ['spooled 300000', 'data'])
  t.match(stream, { size: 300_000, spilled: 299_000 })
})

t.test('spool() of nothing, and of what fits in memory, makes no file', async t => {
  const directory = await folder(t)
  t.equal((await buffer(Readable.from([]).pipe(spool({ directory })))).length, 0)
  const small = spool({ memory: 300_000, directory })
  t.ok((await buffer(Readable.from([MIXED]).pipe(small))).equals(MIXED))
  t.equal(small.spilled, 0)
})

t.test('SpoolStore gives any bytes at any place, wherever memory ends', async t => {
  const directory = await folder(t)
  await fc.assert(fc.asyncProperty(fc.nat({ max: 3000 }), fc.array(fc.nat({ max: 900 }), { maxLength: 8 }), fc.nat({ max: 4000 }), fc.nat({ max: 2000 }), async (memory, lengths, position, length) => {
    const store = new SpoolStore({ memory, directory })
    let size = 0
    for (const chunk of lengths) await store.append(MIXED.subarray(size, size += chunk))
    const target = Buffer.alloc(length)
    const filled = await store.read(target, position)
    await store.close()
    const expected = MIXED.subarray(Math.min(position, size), Math.min(size, position + length))
    return store.spilled === Math.max(0, size - memory) && filled === expected.length && target.subarray(0, filled).equals(expected)
  }), { seed: 5, numRuns: 60 })
  t.strictSame(openSpools(directory), [])
})

t.test('The temporary file is private, has no name, and is closed after success, error and abort', async t => {
  const directory = await folder(t)
  const seen: string[] = []
  const slow = new Writable({
    write (_chunk, _encoding, done) {
      for (const fd of openSpools(directory)) seen.push((statSync(`/proc/self/fd/${fd}`).mode & 0o777).toString(8))
      t.strictSame(readdirSync(directory), [])
      done()
    }
  })
  await pipeline(Readable.from([MIXED]), spool({ memory: 0, directory }), slow)
  if (process.platform === 'linux') t.strictSame(new Set(seen), new Set(['600']))
  const broken = new Error('the source broke')
  await t.rejects(pipeline(async function * () { yield MIXED; throw broken }, spool({ memory: 0, directory }), new PassThrough().resume()), broken)
  const stop = new AbortController()
  const aborted = pipeline(async function * () { yield MIXED; stop.abort(); yield MIXED }, spool({ memory: 0, directory, signal: stop.signal }), new PassThrough().resume())
  await t.rejects(aborted, { name: 'AbortError' })
  await new Promise(resolve => setImmediate(resolve))
  t.strictSame(openSpools(directory), [])
  t.strictSame(readdirSync(directory), [])
})

t.test('Where files need a name, it is removed as soon as the file is open', async t => {
  const directory = await folder(t)
  const platform = Object.getOwnPropertyDescriptor(process, 'platform') as PropertyDescriptor
  t.teardown(() => { Object.defineProperty(process, 'platform', platform) })
  Object.defineProperty(process, 'platform', { ...platform, value: 'sunos' })
  const store = new SpoolStore({ memory: 1000, directory })
  await store.append(MIXED)
  t.strictSame(readdirSync(directory), [])
  const target = Buffer.alloc(MIXED.length)
  t.equal(await store.read(target, 0), MIXED.length)
  t.ok(target.equals(MIXED))
  await store.close()
})

for (const end of ['SIGTERM', 'SIGKILL', 'exit', 'throw'] as const) {
  t.test(`Nothing is left behind when the process ends by ${end}`, async t => {
    const directory = await folder(t)
    const script = `
      import { SpoolStore } from ${JSON.stringify(new URL('../../streams/spool.js', import.meta.url).href)}
      const store = new SpoolStore({ memory: 0, directory: ${JSON.stringify(directory)} })
      await store.append(Buffer.alloc(1000))
      process.stdout.write('spooled')
      setTimeout(() => {}, 60_000)
      ${end === 'exit' ? 'process.exit(0)' : end === 'throw' ? "throw new Error('crash')" : ''}`
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'ignore'], env: {} })
    const exited = once(child, 'exit')
    await once(child.stdout, 'data')
    if (end.startsWith('SIG')) child.kill(end as NodeJS.Signals)
    await exited
    t.strictSame(readdirSync(directory), [])
  })
}

t.test('spool() fails where no file can be made, and refuses wrong options', async t => {
  await t.rejects(pipeline(Readable.from([MIXED]), spool({ memory: 0, directory: '/nowhere/at/all' }), new PassThrough().resume()), { code: 'ENOENT' })
  t.throws(() => spool({ memory: -1 }), new RangeError('Cannot create spool as memory must be a non-negative integer: received -1'))
  t.throws(() => spool({ directory: '' }), TypeError)
  t.throws(() => spool({ signal: {} as never }), TypeError)
})
