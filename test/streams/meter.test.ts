import { spawnSync } from 'node:child_process'
import { extname } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { meter, type Progress } from '../../streams/meter.ts'
import { ManualClock } from './clocks.ts'

t.test('meter() passes the bytes and reports once more before end', async t => {
  const trace: string[] = []
  const gauge = meter({ total: 9, clock: new ManualClock(), onProgress: ({ transferred, total }) => trace.push(`${transferred}/${total}`) })
  gauge.on('end', () => trace.push('end'))
  t.equal(String(await buffer(Readable.from(['1234', '56789']).pipe(gauge))), '123456789')
  t.strictSame(trace, ['9/9', 'end'])
})

t.test('meter() knows the rate and the time that is left', async t => {
  const { clock, gauge, events } = running({ total: 10_000, intervalMs: 1000 })
  for (let second = 0; second < 4; second++) {
    gauge.write(Buffer.alloc(1000))
    await clock.advance(1000)
  }
  t.strictSame(events.map(event => event.transferred), [1000, 2000, 3000, 4000])
  t.strictSame(events.at(-1), { transferred: 4000, total: 10_000, bytesPerSecond: 1000, etaMs: 6000, stalled: false })
  gauge.destroy()
})

t.test('meter() forgets a rate that is more than five seconds old', async t => {
  const { clock, gauge } = running({ total: 1e6 })
  gauge.write(Buffer.alloc(100_000))
  await clock.advance(20_000)
  for (let i = 0; i < 60; i++) {
    gauge.write(Buffer.alloc(10))
    await clock.advance(100)
  }
  t.equal(Math.round(gauge.progress.bytesPerSecond / 10), 10)
  gauge.destroy()
})

t.test('meter() reports a stall, and its end', async t => {
  const { clock, gauge, events } = running({ total: 100, intervalMs: 1000, stallMs: 3000 })
  gauge.write(Buffer.alloc(10))
  await clock.advance(8000)
  t.strictSame(events.map(event => event.stalled), [false, false, true, true, true, true, true, true])
  t.match(events.at(-1), { transferred: 10, bytesPerSecond: 0 })
  t.equal(events.at(-1)?.etaMs, undefined)
  gauge.write(Buffer.alloc(10))
  await clock.advance(1000)
  t.equal(events.at(-1)?.stalled, false)
  gauge.destroy()
})

t.test('meter() never passes 100 %', async t => {
  const { gauge, events } = running({ total: 5 })
  gauge.end(Buffer.alloc(9))
  await setImmediate()
  t.match(events, [{ transferred: 9, total: 9, etaMs: 0, stalled: false }])
})

t.test('meter() without a total has no estimate', async t => {
  const { clock, gauge } = running({})
  gauge.write(Buffer.alloc(9))
  await clock.advance(1000)
  t.strictSame(gauge.progress, { transferred: 9, total: undefined, bytesPerSecond: 9, etaMs: undefined, stalled: false })
  gauge.destroy()
})

t.test('meter() sleeps no more once it has ended, was destroyed or aborted', async t => {
  const abort = new AbortController()
  const ended = running({})
  const destroyed = running({})
  const aborted = running({ signal: abort.signal })
  ended.gauge.end()
  destroyed.gauge.destroy()
  aborted.gauge.on('error', () => undefined)
  abort.abort()
  await setImmediate()
  t.strictSame([ended, destroyed, aborted].map(({ clock }) => clock.sleeping), [0, 0, 0])
  t.equal(aborted.gauge.errored?.name, 'AbortError')
})

t.test('meter() does not keep the process alive', t => {
  const url = new URL(`../../streams/meter${extname(import.meta.url)}`, import.meta.url)
  const program = `import { meter } from ${JSON.stringify(url)}; meter({ intervalMs: 3600000 }).write('x')`
  const { status } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { timeout: 20_000 })
  t.equal(status, 0)
  t.end()
})

t.test('meter() refuses bad options at once', t => {
  t.throws(() => meter({ total: -1 }), new RangeError('Cannot create meter as total must be a non-negative integer: received -1'))
  t.throws(() => meter({ intervalMs: 0 }), RangeError)
  t.throws(() => meter({ stallMs: NaN }), RangeError)
  t.throws(() => meter({ onProgress: 'log' as unknown as () => void }), TypeError)
  t.end()
})

function running (options: Parameters<typeof meter>[0]): { clock: ManualClock, gauge: ReturnType<typeof meter>, events: Progress[] } {
  const clock = new ManualClock()
  const events: Progress[] = []
  const gauge = meter({ ...options, clock, onProgress: progress => events.push(progress) })
  gauge.resume()
  return { clock, gauge, events }
}
