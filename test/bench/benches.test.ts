import { readFile, readdir } from 'node:fs/promises'
import t from 'tap'
import { BENCHES } from '../../bench/benches.ts'

const FOLDER = new URL('../../../bench/', import.meta.url) // The sources: a compiled one may be left of a bench that is gone.
/** Not benches themselves. */
const HELPERS = ['all', 'azure-sink', 'benches', 'onedrive-emulator', 'relay', 'sink', 'table']

t.test('every bench is in the table of contents, once, and is there', async t => {
  const files = (await readdir(FOLDER)).filter(name => name.endsWith('.ts')).map(name => name.slice(0, -'.ts'.length))
  t.same(BENCHES.map(({ name }) => name).sort(), files.filter(name => !HELPERS.includes(name)).sort())
})

t.test('a bench says that it takes the arguments that it is given', async t => {
  for (const { name, quick = [], takes = [] } of BENCHES) {
    const text = await readFile(new URL(`${name}.ts`, FOLDER), 'utf8')
    const shared = text.includes('harness/arguments.ts') || text.includes('harness/compare.ts')
    for (const option of [...quick.filter(arg => arg.startsWith('--')), ...takes.map(option => `--${option}`)]) {
      t.ok(shared || text.includes(option) || text.includes(option.slice(2)), `${name} ${option}`)
    }
  }
})
