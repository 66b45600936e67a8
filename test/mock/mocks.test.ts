/** What holds for mocks of all clouds. */
import { execFile } from 'node:child_process'
import { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setImmediate as turn } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { KiB, MiB } from '../../lib/bytes/sizes.ts'
import { AzureFiles, MockAzureFiles, MockOneDrive, MockR2, OneDrive, R2 } from '../../streams/index.ts'

const run = promisify(execFile)
const INDEX = fileURLToPath(new URL('../../streams/index.js', import.meta.url))

/** What a program prints that ends by itself, or not within the time. */
async function output (program: string, env: Record<string, string> = {}): Promise<string> {
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', program], { timeout: 60_000, env: { ...process.env, ...env } })
  return stdout.trim()
}

t.test('fifty mocks at once know nothing of each other', async t => {
  const mocks = Array.from({ length: 50 }, (_, index) => ({
    r2: R2.mock().withObject('a', `r2 ${index}`).expectGet('a', { times: 1 }),
    drive: OneDrive.mock().withFile('/a', `drive ${index}`).expectDownload('/a', { times: 1 }),
    azure: AzureFiles.mock().withFile('share', 'a', `azure ${index}`).expectRead('share', 'a', { times: 1 })
  }))
  const found = await Promise.all(mocks.map(async ({ r2, drive, azure }) => [
    (await r2.get('a')).bytes.toString(), (await drive.download('/a')).bytes.toString(), (await azure.files.read({ share: 'share', path: 'a' })).data.toString()
  ]))
  t.same(found, mocks.map((_, index) => [`r2 ${index}`, `drive ${index}`, `azure ${index}`]))
  for (const { r2, drive, azure } of mocks) for (const mock of [r2, drive, azure]) mock.verify()
  await Promise.all(mocks.flatMap(({ r2, drive, azure }) => [r2.close(), drive.close(), azure.close()]))
})

t.test('mocks hold no handle: a program that forgets to close them ends by itself', async t => {
  const program = `
    import { R2, OneDrive, AzureFiles } from ${JSON.stringify(INDEX)}
    const r2 = R2.mock().withObject('a', Buffer.alloc(20_000_000))
    await r2.get('a')
    await OneDrive.mock().upload('/a', 'x')
    await AzureFiles.mock().files.write({ path: 'a', data: 'x' })
    r2.createReadStream('a').read(0)
    setImmediate(() => console.log(process.getActiveResourcesInfo().filter(name => /TCP|Server|Socket/.test(name)).length))
  `
  t.equal(await output(program), '0')
})

t.test('what a mock stores stays in memory', async t => {
  const program = `
    import { R2 } from ${JSON.stringify(INDEX)}
    const r2 = R2.mock().withObject('a', Buffer.alloc(12_000_000))
    await r2.copy('a', 'b')
    console.log((await r2.get('b')).bytes.length)
  `
  t.equal(await output(program, { TMPDIR: '/there/is/no/such/folder' }), '12000000')
})

t.test('the classes of the mocks are there by name', async t => {
  for (const [Mock, Client] of [[MockR2, R2], [MockOneDrive, OneDrive], [MockAzureFiles, AzureFiles]] as const) {
    await using mock = new Mock()
    t.ok(mock instanceof Client)
    t.ok(Client.mock() instanceof Mock)
    t.equal(mock.requests.count(), 0)
    mock.verify()
  }
})

t.test('a program without mocks never loads the emulator, and one with mocks loads it with the first request', async t => {
  const program = `
    import { writeSync } from 'node:fs'
    import { register } from 'node:module'
    register('data:text/javascript,' + encodeURIComponent(\`
      import { writeSync } from 'node:fs'
      export async function load (url, context, next) {
        writeSync(1, url + ' ')
        return next(url, context)
      }
    \`))
    const { R2 } = await import(${JSON.stringify(INDEX)})
    const r2 = R2.mock().withObject('a', 'x')
    writeSync(1, ' === ')
    await r2.get('a')
  `
  const [before = '', after = ''] = (await output(program)).split(' === ')
  t.match(before, /streams\/mock-backend/, 'the hook hears what is loaded')
  t.notMatch(before, /\/emulator\//)
  t.match(after, /\/emulator\/in-process/)
})

t.test('64 MiB through a mock: the source is held up while nobody reads the other end', async t => {
  await using mock = R2.mock()
  let made = 0
  const source = Readable.from((function * () { for (; made < 1024; made++) yield Buffer.alloc(64 * KiB, made % 251) })(), { objectMode: false })
  await pipeline(source, mock.createWriteStream('big'))
  let taken = 0
  let begin = (): void => {}
  const begun = new Promise<void>(resolve => { begin = resolve })
  let release = (): void => {}
  const held = new Promise<void>(resolve => { release = resolve })
  const sink = new Writable({
    highWaterMark: 64 * KiB,
    write (chunk: Buffer, _encoding, done) {
      const isFirst = taken === 0
      taken += chunk.length
      if (!isFirst) return done()
      begin()
      void held.then(() => done())
    }
  })
  const copied = pipeline(mock.createReadStream('big', { concurrency: 2, rangeSize: 4 * MiB }), sink)
  await begun
  for (let turns = 0; turns < 500; turns++) await turn()
  const sent = mock.requests.entries('GetObject').reduce((sum, { bytesOut }) => sum + bytesOut, 0)
  t.ok(sent <= 10 * MiB, `${sent} of 67,108,864 bytes left the service while the sink took none`)
  release()
  await copied
  t.equal(taken, 64 * MiB)
})
