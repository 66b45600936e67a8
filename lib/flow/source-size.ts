import { ReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { IncomingMessage } from 'node:http'
import { RangeReadable } from './range-readable.ts'

/**
 * How many bytes a source is likely to deliver, where it can tell: a regular file, one of our readables, an HTTP message.
 * A hint and no promise: a file may still grow or shrink, and a part of it may have been read before.
 */
export async function sourceSize (source: unknown): Promise<number | undefined> {
  if (source instanceof RangeReadable) return source.size
  if (source instanceof ReadStream) return await fileSize(source)
  if (source instanceof IncomingMessage) return contentLength(source)
  return undefined
}

/** `fs.ReadStream` keeps its options as undocumented fields; `end` is inside, and Infinity where none was given. */
interface Span { start?: number, end?: number }

async function fileSize (source: ReadStream): Promise<number | undefined> {
  const { start = 0, end = Infinity } = source as Span
  const size = await regularFileSize(source.path)
  return size === undefined ? undefined : Math.max(0, Math.min(end, size - 1) - start + 1)
}

async function regularFileSize (path: string | Buffer | undefined): Promise<number | undefined> {
  // A stream over a descriptor has no path; by number it could be somebody else's file by now.
  if (path === undefined) return undefined
  try {
    const stats = await stat(path)
    return stats.isFile() ? stats.size : undefined
  } catch {
    return undefined // Unlinked while it is read, perhaps: then the size is not known, and that is all.
  }
}

function contentLength (message: IncomingMessage): number | undefined {
  const value = message.headers['content-length']
  return value !== undefined && /^\d+$/.test(value) ? Number(value) : undefined
}
