import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Clock } from '../../../../lib/clock.ts'
import { startEmulator } from '../../../../emulator/index.ts'
import type { Emulator, EmulatorOptions } from '../../../../emulator/index.ts'
import { AzureFiles } from '../../../../streams/azure-files/index.ts'
import type { AzureFilesOptions, AzureRangeWritable } from '../../../../streams/azure-files/index.ts'

/** Waits pass at once and are remembered; between them time goes its way, so that dates stay right. */
export class HastyClock implements Clock {
  readonly waits: number[] = []
  #ahead = 0

  now = (): number => Date.now() + this.#ahead
  random = (): number => 1

  sleep = async (ms: number): Promise<void> => {
    this.waits.push(ms)
    this.#ahead += ms
  }
}

export interface Bench {
  emulator: Emulator
  azure: AzureFiles
  clock: HastyClock
  /** What is stored under a path; undefined where there is no such file. */
  stored (path: string): Promise<Buffer | undefined>
  /** Paths of all files, but for the signs of life of locks. */
  paths (): string[]
  trace (): string[]
}

interface Teardown { teardown (done: () => unknown): void }

/** An emulator, and a client of it whose waits pass at once. Locks need `clock: systemClock`. */
export async function start (t: Teardown, options: AzureFilesOptions = {}, emulated: EmulatorOptions = {}): Promise<Bench> {
  const emulator = await startEmulator(emulated)
  const clock = new HastyClock()
  const azure = new AzureFiles({ ...emulator.azureFiles.options(), clock, ...options })
  t.teardown(async () => {
    await azure.close()
    await emulator.close()
  })
  const { state } = emulator.azureFiles
  const stored = async (path: string): Promise<Buffer | undefined> => {
    const bytes = state.read(path)
    return bytes === undefined ? undefined : await collect(Readable.from(bytes))
  }
  return {
    emulator,
    azure,
    clock,
    stored,
    paths: () => state.entries().filter(entry => entry.kind === 'file' && !entry.path.startsWith('.sluice-locks')).map(entry => entry.path),
    trace: () => emulator.requests.operations()
  }
}

/** Bytes that differ everywhere, the same for each run. */
export function bytesOf (length: number): Buffer {
  const blocks: Buffer[] = []
  for (let size = 0; size < length; size += 32) blocks.push(createHash('sha256').update(String(size)).digest())
  return Buffer.concat(blocks).subarray(0, length)
}

/** The bytes in chunks of these sizes, again and again. */
export function inChunks (bytes: Buffer, ...sizes: number[]): Readable {
  return Readable.from((function * (): Generator<Buffer> {
    for (let start = 0, turn = 0; start < bytes.length; turn++) {
      const size = sizes[turn % sizes.length] ?? bytes.length
      yield bytes.subarray(start, start + size)
      start += size
    }
  })())
}

export async function collect (stream: Readable): Promise<Buffer> {
  return Buffer.concat(await stream.toArray() as Buffer[])
}

/** The error of a pipeline, when all is over and cleaned up. */
export async function failed (source: Readable, stream: AzureRangeWritable): Promise<unknown> {
  const closed = new Promise(resolve => stream.once('close', resolve))
  const error = await pipeline(source, stream).catch((error: unknown) => error)
  await closed
  return error
}
