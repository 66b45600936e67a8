// An agent's tool result: written once and never over an older one, handed to a browser by a URL of limited life.
import { PreconditionFailedError, R2 } from 'sluice'

const r2 = R2.fromEnv()
const key = 'runs/42/result.json'
const result = JSON.stringify({ tool: 'search', hits: 3 })

await r2.put(key, result, { contentType: 'application/json', ifNoneMatch: '*' })
try {
  await r2.put(key, 'another', { ifNoneMatch: '*' })
} catch (error) {
  if (!(error instanceof PreconditionFailedError)) throw error
  console.log('the first result stays')
}

const url = await r2.presign.get(key, { expiresIn: 60 })
const answer = await fetch(url)
if (await answer.text() !== result) throw new Error('the URL gave something else')
console.log(url) // hides its signature
await r2.close()
