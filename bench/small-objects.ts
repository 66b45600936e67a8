// How many 4 KiB objects a second, 32 at once: ours, the AWS SDK's and bare undici, against one sink, in one run.
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import pLimit from 'p-limit'
import { Agent } from 'undici'
import { KiB } from '../lib/bytes/sizes.ts'
import { sinkClient, startSink } from './sink.ts'
import { printTable } from './table.ts'

const BODY = Buffer.alloc(4 * KiB, 'x')
const AT_ONCE = 32
const OBJECTS = 4000
const ROUNDS = 3

await using sink = await startSink()
await using r2 = sinkClient(sink.endpoint)
const agent = new Agent({ connections: AT_ONCE, pipelining: 1 })
const sdk = new S3Client({
  endpoint: sink.endpoint,
  region: 'auto',
  forcePathStyle: true,
  credentials: { accessKeyId: 'bench', secretAccessKey: 'bench' },
  requestChecksumCalculation: 'WHEN_REQUIRED'
})

const CONTENDERS: Record<string, (key: string) => Promise<unknown>> = {
  'bare undici': async key => {
    const { body } = await agent.request({ origin: sink.endpoint, path: `/bench/${key}`, method: 'PUT', body: BODY })
    await body.dump()
  },
  '@aws-sdk/client-s3': key => sdk.send(new PutObjectCommand({ Bucket: 'bench', Key: key, Body: BODY })),
  'r2.put': key => r2.put(key, BODY),
  'r2.createWriteStream': key => new Promise((resolve, reject) => {
    r2.createWriteStream(key).on('finish', resolve).on('error', reject).end(BODY)
  })
}

async function rate (put: (key: string) => Promise<unknown>): Promise<number> {
  const limit = pLimit(AT_ONCE)
  const startedAt = performance.now()
  await Promise.all(Array.from({ length: OBJECTS }, (_, index) => limit(put, `object-${index}`)))
  return OBJECTS / ((performance.now() - startedAt) / 1000)
}

const best = new Map<string, number>()
for (let round = 0; round <= ROUNDS; round++) {
  for (const [name, put] of Object.entries(CONTENDERS)) {
    const found = await rate(put)
    if (round > 0) best.set(name, Math.max(best.get(name) ?? 0, found)) // Round 0 warms up.
  }
}
const theirs = best.get('@aws-sdk/client-s3') ?? NaN
const bare = best.get('bare undici') ?? NaN
printTable(`PUT of 4 KiB, ${AT_ONCE} at once, best of ${ROUNDS} rounds of ${OBJECTS}`, [
  { name: 'client' }, { name: 'rate', unit: 'objects/s' }, { name: 'ratio', unit: 'SDK = 1', digits: 2 }, { name: 'ratio', unit: 'bare = 1', digits: 2 }
], [...best].map(([name, found]) => [name, found, found / theirs, found / bare]))
await agent.close()
sdk.destroy()
