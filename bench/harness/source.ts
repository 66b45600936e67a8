import { createCipheriv } from 'node:crypto'
import { Readable, Writable } from 'node:stream'
import { KiB } from '../../lib/bytes/sizes.ts'

/** `size` bytes in chunks of `chunk`, made of nothing. */
export function sourceOf (size: number, chunk: number): Readable {
  const bytes = Buffer.alloc(chunk, 'x')
  let left = size
  return new Readable({
    highWaterMark: chunk,
    read () {
      this.push(left <= 0 ? null : bytes.subarray(0, Math.min(chunk, left)))
      left -= chunk
    }
  })
}

/** Counts, and fails at the end unless `size` bytes have come. `take` is called for each chunk, with what lets the next one come. */
export function sinkOf (size: number, take: (done: () => void, chunk: Buffer) => void = done => done()): Writable {
  let received = 0
  return new Writable({
    write (chunk: Buffer, _encoding, done) {
      received += chunk.length
      take(done, chunk)
    },
    final (done) {
      done(received === size ? null : new Error(`Received ${received} of ${size} bytes`))
    }
  })
}

/** Bytes that no gzip makes smaller, the same for each run, and of which no two blocks are alike. */
export function noise (size: number): Readable {
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16, 1), Buffer.alloc(16))
  const zeros = Buffer.alloc(64 * KiB)
  let left = size
  return new Readable({
    read () {
      const length = Math.min(left, zeros.length)
      left -= length
      this.push(length === 0 ? null : cipher.update(zeros.subarray(0, length)))
    }
  })
}
