import { createHash, randomBytes } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { Readable } from 'node:stream'
import type { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip } from 'node:zlib'
import { MiB, formatSize } from '../lib/bytes/sizes.ts'
import { digest } from '../streams/digest.ts'
import { meter } from '../streams/meter.ts'
import type { Meter } from '../streams/meter.ts'
import { R2 } from '../streams/r2/index.ts'
import type { R2StoredObject } from '../streams/r2/index.ts'
import { startEmulatorProcess } from './emulator-process.ts'
import { ProgressBar } from './progress-bar.ts'

export interface DemoOptions {
  /** Any file; one is generated when none is given. */
  file: string | undefined
  sizeMiB: number
}

interface Transfer {
  size: number
  sha256: string
  ms: number
}

/**
 * The main job: a file goes through gzip into R2 and back out, byte for byte. The emulator runs in a process of its own,
 * so that the memory shown is what the streams need.
 */
export async function demo ({ file, sizeMiB }: DemoOptions): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-demo-'))
  try {
    const source = file ?? await generate(join(folder, 'sample.bin'), sizeMiB)
    const { size } = await stat(source)
    await using emulator = await startEmulatorProcess()
    await using r2 = R2.fromEnv({}, emulator.env)
    print(`${source} (${formatSize(size)}) → gzip → R2 → gunzip → a copy\n\n`)
    const key = `demo/${basename(source)}.gz`
    const { stored, ...up } = await upload(r2, source, size, key)
    const down = await download(r2, key, join(folder, 'copy'), size)
    report(r2, stored, up, down)
    if (down.sha256 !== up.sha256) throw new Error(`Cannot trust the copy of ${source}: sent SHA-256 ${up.sha256}, received ${down.sha256}`)
    print('\nThe copy is the source, byte for byte.\n')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function upload (r2: R2, source: string, size: number, key: string): Promise<Transfer & { stored: R2StoredObject }> {
  const writable = r2.createWriteStream(key, { contentType: 'application/gzip' })
  const transfer = await measured('upload', size, (meter, sha256) =>
    pipeline(createReadStream(source), meter, sha256, createGzip({ level: 1 }), writable))
  return { ...transfer, stored: writable.result as R2StoredObject }
}

async function download (r2: R2, key: string, target: string, size: number): Promise<Transfer> {
  return await measured('download', size, (meter, sha256) =>
    pipeline(r2.createReadStream(key), createGunzip(), meter, sha256, createWriteStream(target)))
}

async function measured (title: string, total: number, run: (meter: Meter, sha256: Transform) => Promise<void>): Promise<Transfer> {
  const bar = new ProgressBar(title)
  const counter = meter({ total, intervalMs: 100, onProgress: progress => bar.draw(progress) })
  const sha256 = digest('sha256')
  const startedAt = performance.now()
  await run(counter, sha256)
  bar.end(counter.progress)
  return { size: sha256.size, sha256: sha256.digests['sha256'] as string, ms: performance.now() - startedAt }
}

function report (r2: R2, stored: R2StoredObject, up: Transfer, down: Transfer): void {
  const { requests, retries } = r2.sent
  const rows: Array<[string, string]> = [
    ['bytes', `${up.size} in, ${stored.size} stored, ${down.size} out`],
    ['upload', `${rate(up)} MiB/s (gzip included)`],
    ['download', `${rate(down)} MiB/s (gunzip included)`],
    ['peak memory', `${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MiB`],
    ['requests', `${requests}, of them retries: ${retries}`],
    ['object', `${stored.bucket}/${stored.key}, ${stored.parts} parts`],
    ['etag', stored.etag],
    ['sha256 sent', up.sha256],
    ['sha256 back', down.sha256]
  ]
  print(`\n${rows.map(([name, value]) => `  ${name.padEnd(12)} ${value}`).join('\n')}\n`)
}

function rate ({ size, ms }: Transfer): string {
  return (size / MiB / (ms / 1000)).toFixed(0)
}

/** Half of it random, half of it compressible, as real files are. */
async function generate (path: string, sizeMiB: number): Promise<string> {
  print(`No file given: generating ${sizeMiB} MiB\n`)
  await pipeline(Readable.from(blocks(sizeMiB), { objectMode: false }), createWriteStream(path))
  return path
}

function * blocks (sizeMiB: number): Generator<Buffer> {
  for (let index = 0; index < sizeMiB; index++) {
    const line = `${createHash('sha256').update(String(index)).digest('hex')}\n`
    yield Buffer.concat([randomBytes(MiB / 2), Buffer.alloc(MiB / 2, line)])
  }
}

function print (text: string): void {
  process.stdout.write(text)
}
