/** A client whose requests fail in every way shows its credentials nowhere. */
import { format, inspect } from 'node:util'
import t from 'tap'
import type { Timeouts } from '../../../lib/http/exchange.ts'
import { R2 } from '../../../streams/r2/client.ts'
import type { R2Options } from '../../../streams/r2/config.ts'
import { WaitingClock } from '../../lib/http/support/clocks.ts'
import { Loopback, cut, reset, silence, stall } from '../../lib/http/support/loopback.ts'
import type { Reply } from '../../lib/http/support/loopback.ts'
import { RecordingLogger, RecordingMeter, RecordingTracer } from '../../lib/http/support/recorders.ts'
import { errorXml } from './support/answers.ts'
import { EVERY_OPERATION } from './support/every-operation.ts'

const SECRET = 'hunter2secret'
const TOKEN = 'hunter2token'
/** The secrets themselves, and what grants access for a while. */
const HIDDEN = /hunter2|Signature=[0-9a-f]|AWS4-HMAC-SHA256 Credential/

const FAILURES: Array<[name: string, reply: Reply, timeouts?: Partial<Timeouts>]> = [
  ['refused', { status: 403, body: errorXml('AccessDenied', 'No') }],
  ['told that the signature does not match', { status: 403, body: `<Error><Code>SignatureDoesNotMatch</Code><Message>m</Message><CanonicalRequest>host x-amz-security-token:${TOKEN}</CanonicalRequest></Error>` }],
  ['throttled', { status: 429, headers: { 'retry-after': '1' } }],
  ['answered with a page', { status: 522, body: '<html>' }],
  ['answered with nonsense', { body: 'nonsense' }],
  ['reset', reset],
  ['cut', cut('x', 100)],
  ['stalled', stall('x', 100), { bodyIdleMs: 250, operationMs: 500 }],
  ['left alone', silence, { operationMs: 250 }]
]

for (const [name, reply, timeouts] of FAILURES) {
  t.test(`R2 shows no credential when its requests are ${name}`, async t => {
    const { r2, server, shown } = await observed(t, timeouts)
    server.otherwise = reply
    const outcomes = await Promise.allSettled(EVERY_OPERATION.map(({ act }) => act(r2)))
    t.match(server.seen[0]?.headers['authorization'], HIDDEN) // What is looked for was sent.
    t.match(server.seen[0]?.headers['x-amz-security-token'], HIDDEN)
    t.notMatch(shown(outcomes, r2), HIDDEN)
  })
}

t.test('R2 shows no credential when nobody listens, when it is aborted and when its breaker is open', async t => {
  const { r2, server, shown } = await observed(t)
  await server.close()
  const outcomes = await Promise.allSettled([...EVERY_OPERATION, ...EVERY_OPERATION].map(({ act }) => act(r2)))
  const aborted = await Promise.allSettled([r2.delete('k', { signal: AbortSignal.abort() }), r2.list({ signal: AbortSignal.abort(new Error('enough')) })])
  t.ok(outcomes.every(({ status }) => status === 'rejected'))
  t.notMatch(shown([...outcomes, ...aborted], r2), HIDDEN)
})

t.test('R2 shows no credential when it works, nor in its streams and presigned URLs', async t => {
  const { r2, server, shown } = await observed(t)
  const outcomes = []
  for (const { act, reply } of EVERY_OPERATION) {
    server.replies.push(reply)
    outcomes.push(await act(r2))
  }
  const urls = await Promise.all([r2.presign.get('k'), r2.presign.put('k'), r2.presign.head('k'), r2.presign.delete('k')])
  const streams = [r2.createWriteStream('k'), r2.createReadStream('k'), r2.createListStream(), r2.createDeleteStream(), r2.createCopyStream(), r2.createHeadStream(), r2.createUploadListStream()]
  t.notMatch(shown([outcomes, { urls }, streams, r2.config, r2.multipart, r2.presign, r2.buckets], r2), HIDDEN)
  t.match(String(urls[0]), HIDDEN) // As text it is itself, or fetch() could not use it.
  for (const stream of streams) stream.destroy()
})

t.test('R2 shows no credential that it refuses, nor one that a provider throws about', t => {
  const wrong: R2Options[] = [
    { accountId: 'a'.repeat(32), accessKeyId: SECRET, secretAccessKey: SECRET },
    { accountId: 'a'.repeat(32), accessKeyId: 'a'.repeat(32), secretAccessKey: SECRET, sessionToken: TOKEN },
    { endpoint: `https://me:${SECRET}@h.example`, accessKeyId: 'k', secretAccessKey: SECRET },
    { endpoint: `https://me:${SECRET}@h example`, accessKeyId: 'k', secretAccessKey: SECRET },
    { endpoint: `https://h.example?token=${TOKEN}`, accessKeyId: 'k', secretAccessKey: SECRET },
    { endpoint: 'https://h.example', credentials: { accessKeyId: 'k', secretAccessKey: SECRET } as never }
  ]
  for (const options of wrong) {
    try {
      const r2 = new R2(options)
      t.fail(inspect(r2))
    } catch (error) {
      t.notMatch(everyView(error), HIDDEN)
    }
  }
  t.end()
})

t.test('R2 puts no credential into the address of a request', async t => {
  const { r2, server } = await observed(t)
  for (const { act, reply } of EVERY_OPERATION) {
    server.replies.push(reply)
    await act(r2)
  }
  t.notMatch(server.seen.map(({ url }) => url).join('\n'), /hunter2|X-Amz|AKIA/)
})

async function observed (t: { teardown (done: () => unknown): void }, timeouts: Partial<Timeouts> = {}): Promise<{ r2: R2, server: Loopback, shown: (outcomes: unknown[], r2: R2) => string }> {
  const [tracer, meter, logger] = [new RecordingTracer(), new RecordingMeter(), new RecordingLogger()]
  const server = await Loopback.start(t)
  const r2 = new R2({
    endpoint: server.origin,
    accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
    secretAccessKey: SECRET,
    sessionToken: TOKEN,
    bucket: 'b',
    clock: new WaitingClock(),
    retry: { retries: 1 },
    circuitBreaker: { failureThreshold: 30 },
    timeouts,
    telemetry: { tracer, meter },
    logger
  })
  t.teardown(() => r2.close())
  return { r2, server, shown: (outcomes, client) => everyView([outcomes, client, logger.lines, tracer.spans, meter.measurements, meter.instruments]) }
}

/** All that a console, a log or a template string would show of a value. */
function everyView (value: unknown): string {
  return [inspect(value, { depth: 12, showHidden: true, maxArrayLength: null, maxStringLength: null }), json(value), format('%s %o %j', value, value, value), `${String(value)}`].join('\n')
}

function json (value: unknown): string {
  const seen = new Set<unknown>()
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner !== 'object' || inner === null) return typeof inner === 'bigint' ? String(inner) : inner
    if (seen.has(inner)) return '[seen]'
    seen.add(inner)
    return inner instanceof Error ? { ...inner, message: inner.message, stack: inner.stack, cause: inner.cause } : inner
  }) ?? ''
}
