/**
 * How fast are 100,000 keys of R2 listed, a page of 1,000 after the other, each key an object in the hand of the caller?
 *
 *   node dist/bench/listing.js [--quick] [--rounds n] [--only pattern]
 */
import { Agent } from 'undici'
import { benchArguments } from './harness/arguments.ts'
import { OBJECTS, compare } from './harness/compare.ts'
import type { Work } from './harness/compare.ts'
import { awsList } from './peers/aws.ts'
import { filesSdkList } from './peers/files-sdk.ts'
import { minioList } from './peers/minio.ts'
import { opendalList } from './peers/opendal.ts'
import { sinkClient } from './sink.ts'

/** Reads each page as text and looks for nothing in it but the way to the next one. */
function bareList (endpoint: string): Work {
  const agent = new Agent({ connections: 1 })
  return async keys => {
    for (let next: string | undefined = ''; next !== undefined;) {
      const path = `/bench?list-type=2&prefix=listed-${keys}/${next === '' ? '' : `&continuation-token=${next}`}`
      const page: string = await agent.request({ origin: endpoint, path, method: 'GET' }).then(({ body }) => body.text())
      next = /<NextContinuationToken>([^<]+)</.exec(page)?.[1]
    }
  }
}

function ourList (endpoint: string): Work {
  const client = sinkClient(endpoint)
  return async keys => {
    let found = 0
    for await (const entry of client.createListStream({ prefix: `listed-${keys}/` })) if (entry.key !== '') found++
    if (found !== keys) throw new Error(`${found} of ${keys} keys were listed`)
  }
}

await compare(import.meta.url, [{
  question: 'Listing of keys of R2',
  unit: { ...OBJECTS, name: 'keys/s' },
  amount: benchArguments().quick ? 20_000 : 100_000,
  warmUp: 10_000,
  rounds: Math.min(3, benchArguments().rounds),
  against: ['bare undici', 'client-s3', 'opendal'],
  contenders: [
    { name: 'bare undici', note: 'pages as text', open: ({ endpoint }) => bareList(endpoint) },
    { name: 'ours', ours: true, open: ({ endpoint }) => ourList(endpoint) },
    { name: 'client-s3', open: ({ endpoint }) => awsList(endpoint) },
    { name: 'opendal', open: ({ endpoint }) => opendalList(endpoint) },
    { name: 'minio', open: ({ endpoint }) => minioList(endpoint) },
    { name: 'files-sdk', open: ({ endpoint }) => filesSdkList(endpoint) }
  ]
}])
