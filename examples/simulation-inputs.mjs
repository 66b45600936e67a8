// Inputs and outputs of a simulation: a run reads one version of its input even if the input is replaced meanwhile.
import { ObjectChangedError, R2 } from 'sluice'

const r2 = R2.fromEnv()
await r2.put('simulations/input.bin', Buffer.alloc(20 * 1024 * 1024, 1))
const { etag } = await r2.head('simulations/input.bin')

const input = r2.createReadStream('simulations/input.bin', { ifMatch: etag, concurrency: 1, rangeSize: 1024 * 1024 })
try {
  let sum = 0
  for await (const chunk of input) sum += chunk.reduce((total, byte) => total + byte, 0)
  await r2.put('simulations/output.json', JSON.stringify({ sum, input: etag }), { contentType: 'application/json' })
  console.log(`sum ${sum} of version ${etag}`)
} catch (error) {
  if (!(error instanceof ObjectChangedError)) throw error
  console.log('the input was replaced: run again')
}
await r2.close()
