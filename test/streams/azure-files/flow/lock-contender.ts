/** One process that takes the lock again and again, and says when it holds it: started by locks.slow.test.ts. */
import { setTimeout as delay } from 'node:timers/promises'
import { AzureFiles } from '../../../../streams/azure-files/index.ts'

const azure = AzureFiles.fromEnv()

for (;;) {
  await azure.leases.withLock({ path: 'contended', durationSeconds: 15, timeoutMs: 600_000, pollMs: 100 }, async guard => {
    process.stdout.write(`in ${guard.id}\n`)
    await delay(300)
    if (!guard.signal.aborted) process.stdout.write(`out ${guard.id}\n`)
  })
}
