// A model checkpoint: a tar-like stream of unknown length goes up compressed, and the latest one comes back for resuming.
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip } from 'node:zlib'
import { digest, R2 } from 'sluice'

const r2 = R2.fromEnv()

function * weights () {
  for (let layer = 0; layer < 24; layer++) yield Buffer.alloc(1024 * 1024, layer)
}

const sent = digest('sha256')
const upload = r2.createWriteStream('checkpoints/step-1000.gz', { metadata: { step: '1000' } })
await pipeline(Readable.from(weights()), sent, createGzip(), upload)

const received = digest('sha256')
await pipeline(r2.createReadStream('checkpoints/step-1000.gz'), createGunzip(), received, async source => {
  for await (const chunk of source) void chunk // a trainer would load it here
})
if (sent.digests.sha256 !== received.digests.sha256) throw new Error('the checkpoint came back changed')
console.log(`checkpoint of ${received.size} bytes, stored as ${upload.result.size}`)
await r2.close()
