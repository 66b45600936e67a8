import { KiB, MiB } from '../lib/bytes/sizes.ts'
import { Chunker } from './chunker.ts'
import { checkPositiveInteger, optionMessage } from './option-checks.ts'

/**
 * What OneDrive wants every fragment of an upload session but the last to be a multiple of.
 * Wire: https://learn.microsoft.com/graph/api/driveitem-createuploadsession
 */
export const FRAGMENT_MULTIPLE = 320 * KiB

const DEFAULT_SIZE = 10 * MiB

export interface AlignedChunkerOptions {
  /** Bytes; 320 KiB unless told. */
  multiple?: number | undefined
  /** Bytes of each chunk that comes out, a multiple of `multiple`. Unless told, the largest one up to 10 MiB. */
  size?: number | undefined
  signal?: AbortSignal | undefined
}

/** See `alignedChunker()`. */
export class AlignedChunker extends Chunker {
  readonly multiple: number

  constructor ({ multiple = FRAGMENT_MULTIPLE, size, signal }: AlignedChunkerOptions = {}) {
    checkPositiveInteger('create alignedChunker', 'multiple', multiple)
    super({ size: alignedSize(multiple, size), signal })
    this.multiple = multiple
  }
}

/**
 * Chunks of any size in, chunks of `size` bytes out, the last one shorter, where `size` is a multiple of 320 KiB:
 * 10 MiB = 32 × 327,680 bytes unless told. Memory as with `chunker()`.
 *
 * @throws {RangeError} `size` is not a multiple of `multiple`.
 */
export function alignedChunker (options?: AlignedChunkerOptions): AlignedChunker {
  return new AlignedChunker(options)
}

function alignedSize (multiple: number, size = Math.max(1, Math.floor(DEFAULT_SIZE / multiple)) * multiple): number {
  checkPositiveInteger('create alignedChunker', 'size', size)
  if (size % multiple !== 0) throw new RangeError(optionMessage('create alignedChunker', 'size', `a multiple of ${multiple}`, size))
  return size
}
