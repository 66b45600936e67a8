// Logs: a stream that nobody knows the end of is put together as parts; old ones are deleted by piping a listing.
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { R2 } from 'sluice'

const r2 = R2.fromEnv()

async function * events () {
  for (let index = 0; index < 50_000; index++) yield `${JSON.stringify({ index, level: 'info', message: 'started' })}\n`
}

const upload = r2.createWriteStream('logs/today.ndjson', { contentType: 'application/x-ndjson', digest: 'sha256' })
await pipeline(Readable.from(events()), upload)
console.log(upload.result.size, upload.result.digests.sha256)

await pipeline(r2.createListStream({ prefix: 'logs/' }), r2.createDeleteStream())
const { aborted } = await r2.sweepUploads({ prefix: 'logs/', olderThanMs: 24 * 3600 * 1000 })
console.log(`${aborted.length} stale uploads removed`)
await r2.close()
