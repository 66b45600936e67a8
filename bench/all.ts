// Runs every bench, one process each, one after the other.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

const HELPERS = new Set(['onedrive-emulator.js', 'all.js', 'azure-sink.js', 'sink.js', 'table.js'])
const folder = fileURLToPath(new URL('.', import.meta.url))
const benches = (await readdir(folder)).filter(name => name.endsWith('.js') && !HELPERS.has(name)).sort()

for (const bench of benches) {
  const child = spawn(process.execPath, ['--no-warnings', folder + bench], { stdio: 'inherit' })
  const [code] = await once(child, 'exit') as [number | null]
  if (code !== 0) process.exitCode = 1
}
