/** An emulator, a client whose waits are over at once, and bytes to send: what the flow tests of R2 stand on. */
import { createCipheriv, createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import type { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setImmediate as turn } from 'node:timers/promises'
import type { Emulator, EmulatorOptions } from '../../../../emulator/index.ts'
import { startEmulator } from '../../../../emulator/index.ts'
import { systemClock, watch } from '../../../../lib/clock.ts'
import type { Clock } from '../../../../lib/clock.ts'
import { AbortError } from '../../../../lib/errors.ts'
import { R2 } from '../../../../streams/r2/index.ts'
import type { R2MultipartWritable, R2StoredObject, WriteStreamOptions } from '../../../../streams/r2/index.ts'
import type { R2Options } from '../../../../streams/r2/config.ts'

export { MiB, KiB } from '../../../../lib/bytes/sizes.ts'

/** R2's smallest part. */
export const PART = 5 * 1024 * 1024

/** Time that jumps over every sleep, else goes on as the system's does. Sleeps that overlap end together. */
export class QuickClock implements Clock {
  readonly sleeps: number[] = []
  #ahead = 0

  now = (): number => Date.now() + this.#ahead
  random = (): number => 0.5
  watch = (ms: number, signal?: AbortSignal): Promise<void> => watch(systemClock, ms, signal)

  sleep = async (ms: number, signal?: AbortSignal): Promise<void> => {
    this.sleeps.push(ms)
    const until = this.now() + ms
    await turn()
    if (signal?.aborted === true) throw new AbortError(signal.reason)
    this.#ahead += Math.max(0, until - this.now())
  }
}

export interface Bench {
  emulator: Emulator
  r2: R2
  clock: QuickClock
  log: LogLine[]
  /** One more client of the same emulator. */
  client (options?: R2Options): R2
}

export interface LogLine {
  level: string
  message: string
  fields: object
}

interface Test {
  teardown (work: () => Promise<void>): void
}

export interface StartOptions extends EmulatorOptions {
  client?: R2Options
}

/** An emulator and a client that go with the test. */
export async function start (t: Test, { client: defaults = {}, ...options }: StartOptions = {}): Promise<Bench> {
  const emulator = await startEmulator(options)
  const clock = new QuickClock()
  const log: LogLine[] = []
  const clients: R2[] = []
  const client = (own: R2Options = {}): R2 => {
    const r2 = new R2({ ...emulator.r2.options(), clock, logger: recordingLogger(log), retry: { initialMs: 1, maxMs: 5 }, ...defaults, ...own })
    clients.push(r2)
    return r2
  }
  t.teardown(async () => {
    await emulator.close()
    await Promise.all(clients.map(client => client.close()))
  })
  return { emulator, r2: client(), clock, log, client }
}

function recordingLogger (lines: LogLine[]): NonNullable<R2Options['logger']> {
  const at = (level: string) => (fields: object, message: string): void => { lines.push({ level, message, fields }) }
  return { error: at('error'), warn: at('warn'), info: at('info'), debug: at('debug'), trace: at('trace') }
}

/** Bytes without a pattern that a swap of parts could hide; the same for the same seed. */
export function bytesOf (size: number, seed = 1): Buffer {
  const key = createHash('md5').update(String(seed)).digest()
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(size))
}

/** A stream of unknown length over `bytes`, in chunks of these sizes, over and over. */
export function inChunks (bytes: Buffer, ...sizes: number[]): Readable {
  return Readable.from(cut(bytes, sizes.length === 0 ? [65_536] : sizes), { objectMode: false })
}

function * cut (bytes: Buffer, sizes: number[]): Generator<Buffer> {
  for (let start = 0, turn = 0; start < bytes.length; turn++) {
    const size = sizes[turn % sizes.length] as number
    yield bytes.subarray(start, start + size)
    start += size
  }
}

export async function upload (writable: R2MultipartWritable, bytes: Buffer, ...chunkSizes: number[]): Promise<R2StoredObject> {
  await pipeline(inChunks(bytes, ...chunkSizes), writable)
  return writable.result as R2StoredObject
}

/** Stores `bytes` in parts without any fault, and forgets the requests of it. */
export async function putParts ({ emulator, r2 }: Bench, key: string, bytes: Buffer, options: WriteStreamOptions = {}): Promise<R2StoredObject> {
  const stored = await upload(r2.createWriteStream(key, { partSize: PART, ...options }), bytes)
  emulator.requests.clear()
  return stored
}

export async function collect (source: AsyncIterable<Buffer | Uint8Array> | undefined): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of source ?? []) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** What the emulator holds under a key; undefined when there is nothing. */
export async function storedBytes ({ r2 }: Emulator, key: string): Promise<Buffer | undefined> {
  const body = r2.state.read(key)
  return body === undefined ? undefined : await collect(body)
}

/** The error that `work` ends with; fails when it ends well. */
export async function failureOf (work: Promise<unknown>): Promise<Error & Record<string, unknown>> {
  try {
    await work
  } catch (error) {
    return error as Error & Record<string, unknown>
  }
  throw new Error('Expected a failure: it ended well')
}

/** All that was asked, in order of arrival: `UploadPart 2 503`; status 0 is a connection that was cut. */
export function trace ({ requests }: Emulator): string[] {
  return requests.entries().map(({ operation, partNumber, status }) => [operation, ...(partNumber === undefined ? [] : [partNumber]), status].join(' '))
}

/** The trace with what runs side by side in an order of its own: `UploadPart` by number. */
export function sortedParts (lines: string[]): string[] {
  const parts = lines.filter(line => line.startsWith('UploadPart ')).sort()
  return lines.map(line => line.startsWith('UploadPart ') ? parts.shift() as string : line)
}

export async function closed (stream: Readable | Writable): Promise<void> {
  if (!stream.closed) await new Promise(resolve => stream.on('error', () => undefined).once('close', resolve))
}

/** Waits, turn by turn, for something of the emulator's that has no event. */
export async function until (claim: () => boolean, what = 'the claim'): Promise<void> {
  const deadline = Date.now() + 10_000
  while (!claim()) {
    if (Date.now() > deadline) throw new Error(`Waited 10 s in vain for ${what}`)
    await turn()
  }
}

export function md5 (bytes: Buffer): string {
  return createHash('md5').update(bytes).digest('hex')
}

/** The etag of a multipart object, without quotes. */
export function compositeMd5 (bytes: Buffer, partSize = PART): string {
  const parts: Buffer[] = []
  for (let start = 0; start < bytes.length; start += partSize) parts.push(createHash('md5').update(bytes.subarray(start, start + partSize)).digest())
  return `${createHash('md5').update(Buffer.concat(parts)).digest('hex')}-${parts.length}`
}
