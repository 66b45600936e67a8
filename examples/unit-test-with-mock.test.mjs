// A unit test of code that stores reports, on a mock: no account, no network. Run it by itself, or with node --test.
import assert from 'node:assert/strict'
import test from 'node:test'
import { NotFoundError, R2 } from 'sluice'

/** The code under test: one line more in a log, which may not be there yet. */
async function appendLine (r2, key, line) {
  const old = await r2.get(key).catch(error => {
    if (error instanceof NotFoundError) return { bytes: Buffer.alloc(0) }
    throw error
  })
  return await r2.put(key, Buffer.concat([old.bytes, Buffer.from(`${line}\n`)]))
}

test('appendLine() keeps what was there', async t => {
  const r2 = R2.mock().withObject('log.txt', 'one\n').expectPut('log.txt', { times: 1 })
  t.after(() => r2.close())
  await appendLine(r2, 'log.txt', 'two')
  assert.equal(String((await r2.get('log.txt')).bytes), 'one\ntwo\n')
  r2.verify()
})

test('appendLine() begins a log', async t => {
  const r2 = R2.mock().expectPut('log.txt')
  t.after(() => r2.close())
  await appendLine(r2, 'log.txt', 'one')
  assert.equal(String((await r2.get('log.txt')).bytes), 'one\n')
  r2.verify()
})

test('appendLine() lets a service that is down be known, after its retries', async t => {
  const r2 = R2.mock()
  t.after(() => r2.close())
  r2.faults.add({ operation: 'GetObject', status: 503, times: Infinity })
  await assert.rejects(appendLine(r2, 'log.txt', 'one'), { name: 'ServerError', attempts: 4 })
})
