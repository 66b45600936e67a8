// A dataset of many objects: listed lazily, read one after the other through one pipeline, line by line.
import { createInterface } from 'node:readline'
import { R2 } from 'sluice'

const r2 = R2.fromEnv()
for (let shard = 0; shard < 5; shard++) {
  await r2.put(`datasets/words/shard-${shard}.txt`, `alpha-${shard}\nbeta-${shard}\ngamma-${shard}\n`)
}

let lines = 0
for await (const { key } of r2.createListStream({ prefix: 'datasets/words/' })) {
  for await (const line of createInterface({ input: r2.createReadStream(key) })) {
    if (line !== '') lines++
  }
}
if (lines !== 15) throw new Error(`read ${lines} lines, wanted 15`)
console.log(`${lines} lines`)
await r2.close()
