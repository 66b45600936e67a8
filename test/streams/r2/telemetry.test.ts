/** Spans, metrics and log lines of every operation, as the specification (R2A 5.2, 5.3, 5.5) writes them. */
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import type { R2 } from '../../../streams/r2/client.ts'
import type { R2Options } from '../../../streams/r2/config.ts'
import { cut, stall } from '../../lib/http/support/loopback.ts'
import type { Reply } from '../../lib/http/support/loopback.ts'
import type { WaitingClock } from '../../lib/http/support/clocks.ts'
import { RecordingLogger, RecordingMeter, RecordingTracer } from '../../lib/http/support/recorders.ts'
import { errorXml, xml } from './support/answers.ts'
import { EVERY_OPERATION } from './support/every-operation.ts'
import type { Case } from './support/every-operation.ts'
import { startR2 } from './support/client.ts'

for (const operation of EVERY_OPERATION) {
  const { name, act, reply, span, attributes, uploaded = 0, downloaded = 0 } = operation
  const fields = fieldsOf(operation)
  const labels = { operation: name, ...('bucket' in fields ? { bucket: 'b' } : {}) }

  t.test(`R2 observes ${name} that ends well`, async t => {
    const { r2, tracer, meter, logger } = await observed(t, [reply])
    await act(r2)
    await ended(tracer)
    const told = reply.headers?.['etag'] ?? /<(?:CopyObject|CopyPart|CompleteMultipartUpload)Result[^]*<ETag>(.*)<\/ETag>/.exec(String(reply.body ?? ''))?.[1]
    const etag = told === undefined ? {} : { 'r2.e_tag': told }
    t.same(tracer.spans, [{ name: span, kind: 2, attributes: { 'r2.account_id': 'acct', ...attributes, ...etag }, status: { code: 1 }, exceptions: [], ended: 1 }])
    t.same(meter.of('r2_requests_total'), [{ value: 1, attributes: { ...labels, status: 'success' } }])
    t.same(meter.of('r2_request_duration_seconds'), [{ value: 0, attributes: labels }])
    const bytes = [...directed('upload', uploaded), ...directed('download', downloaded)].map(({ value, direction }) => ({ value, attributes: { ...labels, direction } }))
    t.same(meter.of('r2_bytes_transferred_total').sort((a, b) => String(b.attributes['direction']).localeCompare(String(a.attributes['direction']))), bytes)
    t.same(meter.of('r2_errors_total'), [])
    t.same(logger.lines, [
      { level: 'debug', message: operation.begin, fields }, { level: operation.piece === true ? 'debug' : 'info', message: operation.end, fields }
    ])
  })

  t.test(`R2 observes ${name} that finds nothing`, async t => {
    const { r2, tracer, meter, logger } = await observed(t, [{ status: 404, body: errorXml('NoSuchBucket') }])
    await t.rejects(act(r2), { name: 'NotFoundError' })
    t.match(tracer.spans, [{ name: span, status: { code: 2 }, ended: 1 }])
    t.same(meter.of('r2_requests_total'), [{ value: 1, attributes: { ...labels, status: 'error' } }])
    t.match(meter.of('r2_errors_total'), [{ value: 1, attributes: { ...labels, error_type: /^NoSuch/ } }])
    t.same(logger.lines, [{ level: 'debug', message: operation.begin, fields }, { level: 'warn', message: operation.missing, fields }])
  })

  t.test(`R2 observes ${name} that fails`, async t => {
    const { r2, tracer, meter, logger } = await observed(t, [{ status: 501 }])
    const error = await act(r2).then(() => new Error('it did not fail'), (error: Error) => error)
    t.match(tracer.spans, [{ name: span, status: { code: 2, message: error.message }, exceptions: [error], ended: 1 }])
    t.same(meter.of('r2_errors_total'), [{ value: 1, attributes: { ...labels, error_type: 'NotImplemented' } }])
    t.same(logger.lines, [
      { level: 'debug', message: operation.begin, fields },
      { level: 'error', message: operation.failed, fields: { ...fields, error: error.message, error_type: 'NotImplemented' } }
    ])
  })
}

t.test('R2 registers the instruments of the specification by name, help and buckets', async t => {
  const { meter } = await observed(t, [])
  t.same(meter.instruments, [
    { kind: 'counter', name: 'r2_requests_total', options: { description: 'Total R2 API requests' } },
    { kind: 'histogram', name: 'r2_request_duration_seconds', options: { description: 'R2 request latency', unit: 's', advice: { explicitBucketBoundaries: [0.01, 0.05, 0.1, 0.5, 1, 5, 30] } } },
    { kind: 'counter', name: 'r2_bytes_transferred_total', options: { description: 'Bytes transferred to/from R2', unit: 'By' } },
    { kind: 'counter', name: 'r2_errors_total', options: { description: 'Failed R2 API requests' } },
    { kind: 'counter', name: 'r2_multipart_parts_total', options: { description: 'Parts of multipart uploads, by bucket and status' } }
  ])
})

t.test('R2 logs a delete as the specification prints it', async t => {
  const { r2, logger } = await observed(t, [{ status: 204 }, { status: 404, body: errorXml('NoSuchBucket') }, { status: 403, body: errorXml('AccessDenied', 'No') }])
  await r2.delete('k')
  await t.rejects(r2.delete('k'))
  await t.rejects(r2.delete('k'))
  const subject = { bucket: 'b', key: 'k' }
  t.same(logger.lines, [
    { level: 'debug', message: 'Deleting object', fields: subject },
    { level: 'info', message: 'Object deleted', fields: subject },
    { level: 'debug', message: 'Deleting object', fields: subject },
    { level: 'warn', message: 'Object not found for deletion', fields: subject },
    { level: 'debug', message: 'Deleting object', fields: subject },
    { level: 'error', message: 'Failed to delete object', fields: { ...subject, error: 'Cannot delete "k": 403 AccessDenied (No)', error_type: 'AccessDenied' } }
  ])
})

t.test('R2 warns where a condition did what it is for', async t => {
  const { r2, logger } = await observed(t, [{ status: 412 }, { status: 304 }, { status: 409 }])
  await t.rejects(r2.put('k', 'x', { ifNoneMatch: '*' }), { name: 'PreconditionFailedError' })
  await t.rejects(r2.head('k', { ifNoneMatch: '"e"' }), { name: 'NotModifiedError' })
  await t.rejects(r2.buckets.delete('b'), { name: 'ConflictError' })
  t.same(logger.lines.filter(({ level }) => level !== 'debug').map(({ level, message }) => `${level} ${message}`), [
    'warn Failed to upload object', 'warn Failed to read object properties', 'warn Failed to delete bucket'
  ])
})

t.test('R2 measures the time that retries and waits took', async t => {
  const { r2, meter } = await observed(t, [{ status: 503 }, { status: 503 }, { status: 204 }])
  await r2.delete('k')
  t.same(meter.of('r2_request_duration_seconds'), [{ value: 3, attributes: { operation: 'DeleteObject', bucket: 'b' } }])
  t.equal(meter.of('r2_requests_total').length, 1)
})

t.test('R2 counts the bytes of a read that is left early, and ends its span', async t => {
  const { r2, tracer, meter } = await observed(t, [stall('x'.repeat(600), 1000, { etag: '"e"' })])
  const stream = r2.createReadStream('k', { concurrency: 1, verify: false })
  await new Promise(resolve => stream.once('data', resolve))
  stream.destroy()
  await ended(tracer)
  t.match(tracer.spans, [{ name: 'r2.get_object', ended: 1 }])
  t.same(meter.of('r2_bytes_transferred_total'), [{ value: 600, attributes: { operation: 'GetObject', bucket: 'b', direction: 'download' } }])
})

t.test('R2 gives each request of a healed read its own span, the cut one with its failure', async t => {
  const headers = { etag: '"e"', 'content-range': 'bytes 0-9/10' }
  const rest: Reply = { status: 206, headers: { etag: '"e"', 'content-range': 'bytes 4-9/10' }, body: '456789' }
  const { r2, tracer, meter } = await observed(t, [cut('0123', 10, headers), rest])
  t.equal(String((await r2.get('k', { concurrency: 1, verify: false })).bytes), '0123456789')
  await ended(tracer)
  t.match(tracer.spans, [{ status: { code: 2 }, ended: 1 }, { status: { code: 1 }, ended: 1 }])
  t.same(meter.of('r2_bytes_transferred_total').map(({ value }) => value), [4, 6])
})

t.test('R2 counts the parts of an upload by how they ended', async t => {
  const { r2, meter } = await observed(t, [
    { body: xml('InitiateMultipartUploadResult', '<UploadId>u</UploadId>') }, { headers: { etag: '"e"' } }, { status: 403, body: errorXml('AccessDenied') }, { status: 204 }
  ])
  const stream = r2.createWriteStream('k', { partSize: 5_242_880, concurrency: 1 })
  await t.rejects(pipeline(Readable.from([Buffer.alloc(6_000_000)]), stream), { name: 'AuthenticationError' })
  t.same(meter.of('r2_multipart_parts_total'), [{ value: 1, attributes: { bucket: 'b', status: 'success' } }, { value: 1, attributes: { bucket: 'b', status: 'error' } }])
})

t.test('R2 needs neither tracer, meter nor logger: the API without an SDK measures nothing', async t => {
  for (const { act, reply } of EVERY_OPERATION) {
    const { r2 } = await startR2(t, [reply, { status: 501 }])
    await act(r2)
    await t.rejects(act(r2))
  }
})

async function observed (t: { teardown (done: () => unknown): void }, replies: Reply[], options: R2Options = {}): Promise<{
  r2: R2, tracer: RecordingTracer, meter: RecordingMeter, logger: RecordingLogger, clock: WaitingClock
}> {
  const [tracer, meter, logger] = [new RecordingTracer(), new RecordingMeter(), new RecordingLogger()]
  const { r2, clock } = await startR2(t, replies, { telemetry: { tracer, meter }, logger, accountId: 'acct', ...options })
  return { r2, tracer, meter, logger, clock: clock as WaitingClock }
}

/** A streaming operation's span ends with its body, a turn after the reader has it. */
async function ended (tracer: RecordingTracer): Promise<void> {
  do await setImmediate(); while (tracer.spans.some(span => span.ended === 0))
}

/** Log fields are the attributes of the span without their prefix, but for those that the body gives. */
function fieldsOf ({ attributes }: Case): Record<string, string | number> {
  return Object.fromEntries(Object.entries(attributes).filter(([name]) => name !== 'r2.content_length').map(([name, value]) => [name.slice('r2.'.length), value]))
}

function directed (direction: string, value: number): Array<{ value: number, direction: string }> {
  return value === 0 ? [] : [{ value, direction }]
}
