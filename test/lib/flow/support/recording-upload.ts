import type { RemoteState } from '../../../../lib/errors.ts'
import type { Part, PartUpload, UploadInfo } from '../../../../lib/flow/part-writable.ts'
import type { StepOptions } from './steps.ts'
import { Steps } from './steps.ts'

export interface Stored { receipts: string[], size: number }

export interface RecordingUploadOptions extends StepOptions {
  /** Whether there is a `putWhole`. Default true. */
  whole?: boolean
  left?: RemoteState
}

/** An upload that keeps its parts and the trace of its calls, and notices when the bytes of a part change in flight. */
export class RecordingUpload extends Steps implements PartUpload<string, Stored> {
  readonly parts: Buffer[] = []
  readonly putWhole?: (bytes: Buffer, signal: AbortSignal) => Promise<Stored>
  readonly #left: RemoteState
  cause: Error | undefined
  info: UploadInfo | undefined
  signal: AbortSignal | undefined

  constructor (options: RecordingUploadOptions = {}) {
    super(options)
    this.#left = options.left ?? 'clean'
    if (options.whole !== false) this.putWhole = (bytes, signal) => this.#storeWhole(bytes, signal)
  }

  get stored (): Buffer {
    return Buffer.concat(this.parts)
  }

  async begin (info: UploadInfo, signal: AbortSignal): Promise<void> {
    this.info = info
    this.signal = signal
    await this.run('begin', '', signal)
  }

  async putPart ({ number, offset, bytes, last }: Part, signal: AbortSignal): Promise<string> {
    const copy = Buffer.from(bytes)
    await this.run(`put ${number}`, ` ${offset}+${bytes.length}${last ? ' last' : ''}`, signal)
    if (!copy.equals(bytes)) this.calls.push(`part ${number} was overwritten`)
    this.parts[number - 1] = copy
    return `receipt ${number}`
  }

  async complete (receipts: string[], size: number, signal: AbortSignal): Promise<Stored> {
    await this.run('complete', ` ${size}`, signal)
    return { receipts, size }
  }

  async abort (cause: Error): Promise<RemoteState> {
    this.cause = cause
    await this.run('abort', '')
    return this.#left
  }

  async #storeWhole (bytes: Buffer, signal: AbortSignal): Promise<Stored> {
    await this.run('whole', ` ${bytes.length}`, signal)
    this.parts[0] = Buffer.from(bytes)
    return { receipts: [], size: bytes.length }
  }
}

/** Bytes that tell their place, so that a swapped or shifted part shows. */
export function patterned (length: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, index) => (index * 7 + (index >> 8)) % 251))
}
