/** The same requests without signature, timeout, retry or stream: what a socket takes. */
import { pipeline } from 'node:stream/promises'
import { Agent } from 'undici'
import type { Work } from '../harness/compare.ts'
import { sinkOf } from '../harness/source.ts'

/** PUTs of one buffer of `partSize`, so many at once. */
export function barePuts (endpoint: string, partSize: number, atOnce: number): Work {
  const agent = new Agent({ connections: atOnce, pipelining: 1 })
  const body = Buffer.alloc(partSize, 'x')
  return async size => {
    let next = 0
    await Promise.all(Array.from({ length: atOnce }, async () => {
      for (let start = next; start < size; start = next) {
        next += partSize
        const answer = await agent.request({ origin: endpoint, path: `/bench/object?partNumber=${start / partSize + 1}&uploadId=u`, method: 'PUT', body: body.subarray(0, Math.min(partSize, size - start)) })
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
