/**
 * How many objects of 4 KiB a second go to R2, 32 at once?
 *
 *   node dist/bench/small-objects.js [--quick] [--rounds n] [--only pattern]
 */
import pLimit from 'p-limit'
import { Agent } from 'undici'
import { KiB } from '../lib/bytes/sizes.ts'
import type { R2 } from '../streams/r2/index.ts'
import { benchArguments } from './harness/arguments.ts'
import { OBJECTS, compare } from './harness/compare.ts'
import type { Contender, Work } from './harness/compare.ts'
import { awsPut } from './peers/aws.ts'
import { filesSdkPut } from './peers/files-sdk.ts'
import { minioPut } from './peers/minio.ts'
import { opendalPut } from './peers/opendal.ts'
import { sinkClient } from './sink.ts'

type Put = (key: string) => Promise<unknown>

const BODY = Buffer.alloc(4 * KiB, 'x')
const AT_ONCE = 32

function many (put: Put): Work {
  return objects => {
    const limit = pLimit(AT_ONCE)
    return Promise.all(Array.from({ length: objects }, (_, index) => limit(put, `object-${index}`)))
  }
}

function barePut (endpoint: string): Put {
  const agent = new Agent({ connections: AT_ONCE, pipelining: 1 })
  return async key => {
    const { body } = await agent.request({ origin: endpoint, path: `/bench/${key}`, method: 'PUT', body: BODY })
    await body.dump()
  }
}

function ours (name: string, put: (client: R2) => Put): Contender {
  return { name, ours: true, open: ({ endpoint }) => many(put(sinkClient(endpoint))) }
}

const byStream = (client: R2): Put => key => new Promise((resolve, reject) => {
  client.createWriteStream(key).on('finish', resolve).on('error', reject).end(BODY)
})

await compare(import.meta.url, [{
  question: `PUT of 4 KiB to R2, ${AT_ONCE} at once`,
  unit: OBJECTS,
  amount: benchArguments().quick ? 1000 : 20_000,
  warmUp: benchArguments().quick ? 500 : 5000,
  plot: 'small-objects',
  against: ['bare undici', 'client-s3', 'opendal'],
  contenders: [
    { name: 'bare undici', open: ({ endpoint }) => many(barePut(endpoint)) },
    ours('r2.put', client => key => client.put(key, BODY)),
    ours('r2.createWriteStream', byStream),
    { name: 'client-s3', open: ({ endpoint }) => many(awsPut(endpoint, BODY)) },
    { name: 'opendal', open: async ({ endpoint }) => many(await opendalPut(endpoint, BODY)) },
    { name: 'minio', open: async ({ endpoint }) => many(await minioPut(endpoint, BODY)) },
    { name: 'files-sdk', open: async ({ endpoint }) => many(await filesSdkPut(endpoint, BODY)) }
  ],
  reach: [
    { row: 'r2.put', against: 'bare undici', ratio: 0.5 },
    { row: 'r2.put', against: 'client-s3', ratio: 5 },
    { row: 'r2.put', rate: 1000 } // R2A 9.2
  ]
}])
