import { execFile, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { AzureFiles, OneDrive, R2 } from '../../streams/index.ts'

const run = promisify(execFile)
const SLUICE = fileURLToPath(new URL('../../bin/sluice.js', import.meta.url))

interface Outcome { code: number, stdout: string, stderr: string }

async function sluice (...args: string[]): Promise<Outcome> {
  try {
    return { code: 0, ...await run(process.execPath, [SLUICE, ...args]) }
  } catch (error) {
    return error as Outcome
  }
}

t.test('sluice tells what it can do', async t => {
  t.match((await sluice('--help')).stdout, /demo \[file\][\s\S]*emulate/)
  t.match((await sluice()).stdout, /Usage/)
  t.match((await sluice('--version')).stdout, /^\d+\.\d+\.\d+\n$/)
})

t.test('sluice names a mistake, without a stack, and exits with 2', async t => {
  const mistakes: Array<[string[], RegExp]> = [
    [['upload'], /Cannot run "upload" as there is no such command/],
    [['demo', 'a', 'b'], /Cannot take 2 files/],
    [['demo', '--size', 'big'], /Cannot use --size big as it must be a whole number from 1/],
    [['emulate', '--port', '70000'], /Cannot use --port 70000/],
    [['emulate', 'r2'], /takes options only/],
    [['demo', '--fast'], /Unknown option '--fast'/]
  ]
  for (const [args, message] of mistakes) {
    const { code, stderr } = await sluice(...args)
    t.equal(code, 2, args.join(' '))
    t.match(stderr, message)
    t.notMatch(stderr, /\n {4}at /)
  }
})

t.test('sluice demo brings a file of the user back, byte for byte, and leaves nothing behind', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-test-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const file = join(folder, 'a file.txt')
  await writeFile(file, 'line\n'.repeat(300_000))
  const { code, stdout, stderr } = await sluice('demo', file)
  t.equal(code, 0, stderr)
  t.match(stdout, /The copy is the source, byte for byte/)
  for (const row of ['bytes', 'upload', 'download', 'peak memory', 'requests', 'etag', 'sha256 sent', 'sha256 back']) t.match(stdout, row)
  t.match(stderr, /upload .*100 %/)
  t.same((await readdir(tmpdir())).filter(name => name.startsWith('sluice-demo-')), [], 'the temporary folder is gone')
})

t.test('sluice demo says which file it cannot read', async t => {
  const { code, stderr } = await sluice('demo', '/no/such/file')
  t.equal(code, 1)
  t.match(stderr, /no such file or directory.*\/no\/such\/file/)
})

t.test('sluice emulate prints what the clients read from their environment, and ends with a signal', async t => {
  const child = spawn(process.execPath, [SLUICE, 'emulate', '--bucket', 'mine', '--share', 'ours'], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  const env = await environmentOf(child)
  const r2 = R2.fromEnv({}, env)
  await r2.put('key', 'bytes')
  t.equal((await r2.get('key')).bytes.toString(), 'bytes')
  t.equal(r2.config.bucket, 'mine')
  const azure = AzureFiles.fromEnv({}, env)
  await azure.files.create({ path: 'file', size: 3 })
  t.equal((await azure.files.getProperties({ path: 'file' })).size, 3)
  t.equal(azure.config.share, 'ours')
  const oneDrive = OneDrive.fromEnv({}, env)
  t.equal((await oneDrive.upload('/file.txt', 'bytes')).size, 5)
  await Promise.all([r2.close(), azure.close(), oneDrive.close()])
  child.kill('SIGTERM')
  t.same(await once(child, 'exit'), [0, null])
})

async function environmentOf (child: ChildProcess): Promise<Record<string, string>> {
  let text = ''
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
    text += chunk.toString()
    if (/DEFAULT_DRIVE_ID=.*\n/.test(text)) break
  }
  return Object.fromEntries(text.trim().split('\n').map(line => line.split(/=(.*)/s).slice(0, 2)))
}
