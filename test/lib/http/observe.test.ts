import { metrics, trace } from '@opentelemetry/api'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import type { ClientOptions } from '../../../lib/http/client-options.ts'
import { createInstruments, endSpan, startSpan } from '../../../lib/http/telemetry.ts'
import { WaitingClock } from './support/clocks.ts'
import { Loopback, cut, stall } from './support/loopback.ts'
import { PlainService, openBody, plainConnection, readText } from './support/plain-service.ts'
import { RecordingLogger, RecordingMeter, RecordingTracer } from './support/recorders.ts'

const SUBJECT = { bucket: 'b', key: 'k' }
const SPAN = { 'plain.account': 'me', 'plain.bucket': 'b', 'plain.key': 'k' }

t.test('observe() makes one span of an operation, however often it was tried', async t => {
  const { connection, tracer } = await start(t, [{ status: 503 }, { headers: { etag: '"e"' }, body: 'text' }])
  await connection.execute(readText({ method: 'PUT', body: Buffer.alloc(7) }))
  t.same(tracer.spans, [{
    name: 'plain.read_text', kind: 2, attributes: { ...SPAN, 'plain.content_length': 7, 'plain.e_tag': '"e"' }, status: { code: 1 }, exceptions: [], ended: 1
  }])
})

t.test('observe() ends the span of a failure with the failure', async t => {
  const { connection, tracer } = await start(t, [{ status: 400 }])
  const error = await connection.execute(readText()).catch((error: unknown) => error)
  t.match(tracer.spans, [{ status: { code: 2, message: 'Cannot read the text: 400' }, exceptions: [error], ended: 1 }])
})

t.test('observe() counts requests, bytes, errors and seconds with their labels', async t => {
  const { connection, meter, clock } = await start(t, [{ body: 'text' }, { status: 404, body: 'not ours' }, { status: 503 }, {}])
  await connection.execute(readText({ method: 'PUT', body: Buffer.alloc(7) }))
  await t.rejects(connection.execute(readText({ method: 'PUT', body: Buffer.alloc(7) })))
  await connection.execute(readText())
  t.same(clock.waits, [1000])
  const labels = { operation: 'ReadText', bucket: 'b' }
  t.same(meter.of('plain_requests'), [
    { value: 1, attributes: { ...labels, status: 'success' } }, { value: 1, attributes: { ...labels, status: 'error' } }, { value: 1, attributes: { ...labels, status: 'success' } }
  ])
  t.same(meter.of('plain_errors'), [{ value: 1, attributes: { ...labels, error_type: 'NotFound' } }])
  t.same(meter.of('plain_bytes').sort((a, b) => a.value - b.value), [
    { value: 4, attributes: { ...labels, direction: 'download' } }, { value: 7, attributes: { ...labels, direction: 'upload' } }
  ])
  t.same(meter.of('plain_duration'), [{ value: 0, attributes: labels }, { value: 0, attributes: labels }, { value: 1, attributes: labels }])
})

t.test('observe() registers the instruments of the service with their buckets', async t => {
  const { meter } = await start(t, [])
  t.same(meter.instruments, [
    { kind: 'counter', name: 'plain_requests', options: { description: 'Requests' } },
    { kind: 'histogram', name: 'plain_duration', options: { description: 'Duration', unit: 's', advice: { explicitBucketBoundaries: [1, 2] } } },
    { kind: 'counter', name: 'plain_bytes', options: { description: 'Bytes', unit: 'By' } },
    { kind: 'counter', name: 'plain_errors', options: { description: 'Errors' } }
  ])
})

t.test('observe() logs before and after, a warning for what is missing, an error for what failed', async t => {
  const { connection, logger } = await start(t, [{}, { status: 404 }, { status: 400 }])
  await connection.execute(readText())
  await t.rejects(connection.execute(readText()))
  await t.rejects(connection.execute(readText()))
  t.same(logger.lines, [
    { level: 'debug', message: 'Reading', fields: SUBJECT },
    { level: 'info', message: 'Text read', fields: SUBJECT },
    { level: 'debug', message: 'Reading', fields: SUBJECT },
    { level: 'warn', message: 'Text not found', fields: SUBJECT },
    { level: 'debug', message: 'Reading', fields: SUBJECT },
    { level: 'error', message: 'Failed to read', fields: { ...SUBJECT, error: 'Cannot read the text: 400', error_type: 'StorageError' } }
  ])
})

t.test('observe() logs a piece of something larger at debug level, and an abort as a warning', async t => {
  const { connection, logger } = await start(t, [{}])
  await connection.execute(readText({ description: { ...readText().description, piece: true } }))
  await t.rejects(connection.execute(readText(), { signal: AbortSignal.abort() }), { name: 'AbortError' })
  t.same(logger.summary, ['debug Reading', 'debug Text read', 'debug Reading', 'warn Failed to read'])
})

t.test('observe() ends the span of a body when the body ends', async t => {
  const { connection, tracer, meter, logger } = await start(t, [{ body: '0123456789' }])
  const body = await connection.execute(openBody())
  t.equal(tracer.spans[0]?.ended, 0)
  t.same(logger.summary, ['debug Opening'])
  await body.collect(100)
  await closed(body)
  t.match(tracer.spans, [{ status: { code: 1 }, ended: 1 }])
  t.same(meter.of('plain_bytes'), [{ value: 10, attributes: { operation: 'OpenBody', bucket: 'b', direction: 'download' } }])
  t.same(logger.summary, ['debug Opening', 'info Body read'])
})

t.test('observe() counts the bytes of a body that is left early, and does not call it read', async t => {
  const { connection, tracer, meter, logger } = await start(t, [stall('01234', 10)])
  const body = await connection.execute(openBody())
  await new Promise(resolve => body.once('data', resolve))
  body.destroy()
  await closed(body)
  t.match(tracer.spans, [{ status: { code: 1 }, ended: 1 }])
  t.match(meter.of('plain_bytes'), [{ value: 5, attributes: { direction: 'download' } }])
  t.same(logger.lines.at(-1), { level: 'debug', message: 'Body read in part', fields: { ...SUBJECT, bytes: 5 } })
})

t.test('observe() ends the span of a body that breaks with the failure, and never says that it was read', async t => {
  const { connection, tracer, meter, logger } = await start(t, [cut('01234', 10)])
  const body = await connection.execute(openBody())
  await t.rejects(body.collect(100), { name: 'NetworkError' })
  await closed(body)
  t.match(tracer.spans, [{ status: { code: 2 }, exceptions: [{ name: 'NetworkError' }], ended: 1 }])
  t.match(meter.of('plain_bytes'), [{ value: 5 }])
  t.match(meter.of('plain_errors'), [{ value: 1, attributes: { operation: 'OpenBody', error_type: 'Network' } }])
  t.same(logger.summary, ['debug Opening', 'warn Failed to open'], 'no error: who reads may go on with another body')
})

t.test('observe() counts the bytes of an answer that broke off and was read anew', async t => {
  const { connection, meter } = await start(t, [cut('012', 10), { body: '0123456789' }])
  await connection.execute(readText())
  t.same(meter.of('plain_bytes').map(({ value }) => value), [3, 10])
})

t.test('createInstruments() takes the global API when nothing else is given, and measures nothing there', async t => {
  const server = await Loopback.start(t, [{ body: 'x' }, { status: 400 }])
  const connection = plainConnection(server.origin)
  t.teardown(() => connection.close())
  t.equal(await connection.execute(readText()), 'x')
  await t.rejects(connection.execute(readText()), { name: 'StorageError' })
})

t.test('createInstruments() takes tracer and meter of an SDK that was registered before', t => {
  const [tracer, meter] = [new RecordingTracer(), new RecordingMeter()]
  trace.setGlobalTracerProvider({ getTracer: () => tracer } as unknown as Parameters<typeof trace.setGlobalTracerProvider>[0])
  metrics.setGlobalMeterProvider({ getMeter: () => meter } as unknown as Parameters<typeof metrics.setGlobalMeterProvider>[0])
  t.teardown(() => { trace.disable(); metrics.disable() })
  const instruments = createInstruments('sluice/plain', new PlainService('').metrics)
  endSpan(startSpan(instruments.tracer, 'plain.global', { a: 1 }))
  instruments.requests?.add(1)
  t.match(tracer.spans, [{ name: 'plain.global', attributes: { a: 1 }, ended: 1 }])
  t.same(meter.of('plain_requests'), [{ value: 1, attributes: {} }])
  t.end()
})

async function start (t: { teardown (done: () => unknown): void }, replies: Loopback['replies']): Promise<{
  connection: ReturnType<typeof plainConnection>, clock: WaitingClock, tracer: RecordingTracer, meter: RecordingMeter, logger: RecordingLogger
}> {
  const server = await Loopback.start(t, replies)
  const [clock, tracer, meter, logger] = [new WaitingClock(), new RecordingTracer(), new RecordingMeter(), new RecordingLogger()]
  const options: ClientOptions = { clock, telemetry: { tracer, meter }, logger }
  const connection = plainConnection(server.origin, options)
  t.teardown(() => connection.close())
  return { connection, clock, tracer, meter, logger }
}

async function closed (body: { closed: boolean }): Promise<void> {
  do await setImmediate(); while (!body.closed)
}
