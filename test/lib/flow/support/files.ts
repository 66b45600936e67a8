import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A file in a folder of its own, which goes with the test. */
export async function fileWith (t: { teardown (end: () => Promise<void>): void }, bytes: Buffer): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const path = join(folder, 'a.bin')
  await writeFile(path, bytes)
  return path
}
