/** The same requests without signature, timeout, retry or stream: what a socket takes. */
import { pipeline } from 'node:stream/promises'
import { Agent } from 'undici'
import type { Work } from '../harness/compare.ts'
import { sinkOf } from '../harness/source.ts'

/** What stands above the bytes of one PUT. */
type Head = (start: number, length: number, size: number) => { path: string, headers?: Record<string, string> }

const aPart: Head = start => ({ path: `/bench/object?uploadId=u&partNumber=${start}` })

/** PUTs of one buffer of `partSize`, so many at once. */
export function barePuts (endpoint: string, partSize: number, atOnce: number, head: Head = aPart): Work {
  const agent = new Agent({ connections: atOnce, pipelining: 1 })
  const bytes = Buffer.alloc(partSize, 'x')
  return async size => {
    let next = 0
    await Promise.all(Array.from({ length: atOnce }, async () => {
      for (let start = next; start < size; start = next) {
        next += partSize
        const body = bytes.subarray(0, Math.min(partSize, size - start))
        const answer = await agent.request({ origin: endpoint, method: 'PUT', body, ...head(start, body.length, size) })
        await answer.body.dump()
      }
    }))
  }
}

/** One GET whose body is the stream that `undici.request` gives. */
export function bareGet (endpoint: string, pathOf: (size: number) => string): Work {
  const agent = new Agent({ connections: 1 })
  return async size => {
    const { body } = await agent.request({ origin: endpoint, path: pathOf(size), method: 'GET' })
    await pipeline(body, sinkOf(size))
  }
}
