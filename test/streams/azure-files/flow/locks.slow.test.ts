/**
 * Two processes fight for one lock, and one is killed in the middle of it. The time that its death takes to show is passed on the
 * emulator's clock, which alone judges it; `bench/azure-lock-fight.ts` waits for it, for a minute.
 */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import type { Emulator } from '../../../../emulator/index.ts'
import { systemClock } from '../../../../lib/clock.ts'
import { start } from './support.ts'

const CONTENDER = fileURLToPath(new URL('lock-contender.js', import.meta.url))

interface Contender { process: ChildProcess, events: string[] }

function contend (emulator: Emulator): Contender {
  const child = spawn(process.execPath, [CONTENDER], { env: { ...process.env, ...emulator.azureFiles.env(), AZURE_FILES_SHARE: 'sluice' }, stdio: ['ignore', 'pipe', 'inherit'] })
  const events: string[] = []
  child.stdout.on('data', (text: Buffer) => events.push(...text.toString().trim().split('\n')))
  return { process: child, events }
}

async function until (condition: () => boolean, seconds: number): Promise<void> {
  for (let rounds = 0; !condition() && rounds < seconds * 20; rounds++) await delay(50)
}

t.test('never two holders at once, and the survivor takes over', { timeout: 120_000 }, async t => {
  let aheadMs = 0
  const clock = { ...systemClock, now: () => systemClock.now() + aheadMs }
  const { azure, emulator } = await start(t, { clock: systemClock }, { clock })
  await azure.files.write({ path: 'contended', data: '' })
  const [victim, survivor] = [contend(emulator), contend(emulator)]
  t.teardown(() => survivor.process.kill('SIGKILL'))
  await until(() => victim.events.length >= 2 && survivor.events.length >= 2, 30)
  await until(() => victim.events.at(-1)?.startsWith('in') === true, 30)
  victim.process.kill('SIGKILL')
  const killedAt = Date.now()
  await delay(200)
  const before = survivor.events.length
  await delay(1000)
  t.equal(survivor.events.length, before, 'a holder that died a moment ago is not passed by')
  aheadMs = 20_000
  await until(() => survivor.events.length > before + 2, 60)
  t.ok(survivor.events.length > before + 2, `the survivor went on after ${Date.now() - killedAt} ms`)
  const records = emulator.azureFiles.state.leases.filter(({ path }) => path === 'contended')
  t.ok(records.length >= 4)
  for (const [index, record] of records.entries()) {
    if (index > 0) t.ok(record.acquiredOrder > (records[index - 1]?.endedOrder ?? Infinity), `lease ${index} began after the one before it had ended`)
  }
  t.equal(records.filter(({ end }) => end === 'changed').length, 1, 'one was taken over by an exchange of ids, none was broken')
  t.equal(records.filter(({ end }) => end === 'broken').length, 0)
})
