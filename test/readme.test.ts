import { execFile } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { startEmulator } from '../emulator/index.ts'

const run = promisify(execFile)
const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const FOLDER = join(ROOT, 'dist/readme')

const readme = await readFile(join(ROOT, 'README.md'), 'utf8')
const examples = await readdir(join(ROOT, 'examples'))
const programs = [...readme.matchAll(/```js\n([\s\S]*?)```/g)].map(match => match[1] as string)

t.test('README has the programs that are tested here', async t => {
  t.ok(programs.length >= 4)
  t.match(readme.split('\n').slice(0, 40).join('\n'), /createWriteStream[\s\S]*createReadStream[\s\S]*catch/, 'a stranger sees upload, download and an error caught by line 40')
})

t.test('README programs run', async t => {
  await mkdir(FOLDER, { recursive: true })
  const work = await mkdtemp(join(tmpdir(), 'sluice-readme-'))
  await copyFile(join(ROOT, 'package.json'), join(work, 'package.json'))
  t.teardown(() => Promise.all([rm(FOLDER, { recursive: true }), rm(work, { recursive: true })]))
  for (const [index, program] of programs.entries()) {
    await using emulator = await startEmulator()
    const file = join(FOLDER, `program-${index + 1}.mjs`)
    // Inside the package, so that its own name resolves through its exports as it does for users.
    await writeFile(file, program)
    const { stderr } = await run(process.execPath, [file], { cwd: work, env: { ...process.env, ...emulator.env() } })
    t.equal(stderr, '', `program ${index + 1} says nothing on stderr`)
  }
})

t.test('examples run', async t => {
  for (const example of examples) {
    await using emulator = await startEmulator()
    const { stderr } = await run(process.execPath, [join(ROOT, 'examples', example)], { env: { ...process.env, ...emulator.env() } })
    t.equal(stderr, '', example)
  }
})
