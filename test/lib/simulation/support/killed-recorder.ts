/** Records into the folder that it is given and ends as it is told: `kill`, `exit`, `kill-writing` within a line of the journal, or `wait` to be killed. */
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { R2 } from '../../../../streams/r2/client.ts'

const [folder = '', endpoint = '', accessKeyId = '', secretAccessKey = '', ending = ''] = process.argv.slice(2)
const r2 = new R2({ endpoint, accessKeyId, secretAccessKey, bucket: 'sluice', simulation: { record: folder } })
await r2.put('first', 'one')
await r2.get('first')
const pending = r2.put('slow', 'never answered')
pending.catch(() => undefined)
await r2.put('second', 'two')
if (ending === 'kill-writing') appendFileSync(join(folder, 'interactions.journal'), '{"ended":{"id":"torn')
if (ending === 'exit') process.exit(0)
if (ending === 'wait') {
  console.log('waiting')
  await pending
}
process.kill(process.pid, 'SIGKILL')
