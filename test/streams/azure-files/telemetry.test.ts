import { inspect } from 'node:util'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import t from 'tap'
import type { AzureFiles } from '../../../streams/azure-files/index.ts'
import { ACCOUNT_KEY, start } from './support/client.ts'
import { textOf } from './support/exchange.ts'
import { failure } from './support/tiny-azure.ts'
import type { TinyAzure } from './support/tiny-azure.ts'

interface Measured { name: string, value: number, labels: Record<string, unknown> }
interface Told { name: string, attributes: Record<string, unknown>, status: number | undefined }
interface Line { level: string, fields: Record<string, unknown>, message: string }

interface Watched {
  azure: AzureFiles
  service: TinyAzure
  measured: Measured[]
  spans: Told[]
  lines: Line[]
}

function watch (): Watched {
  const measured: Measured[] = []
  const spans: Told[] = []
  const lines: Line[] = []
  const instrument = (name: string): { add (value: number, labels?: object): void, record (value: number, labels?: object): void } => {
    const note = (value: number, labels: object = {}): void => { measured.push({ name, value, labels: { ...labels } }) }
    return { add: note, record: note }
  }
  const meter = { createCounter: instrument, createHistogram: instrument, createUpDownCounter: instrument }
  const tracer = {
    startSpan: (name: string, { attributes = {} }: { attributes?: Record<string, unknown> } = {}) => {
      const span: Told = { name, attributes: { ...attributes }, status: undefined }
      spans.push(span)
      return {
        setAttribute: (key: string, value: unknown) => { span.attributes[key] = value },
        setStatus: ({ code }: { code: number }) => { span.status = code },
        recordException: () => undefined,
        end: () => undefined
      }
    }
  }
  const at = (level: string) => (fields: object, message: string): void => { lines.push({ level, fields: { ...fields }, message }) }
  const logger = { error: at('error'), warn: at('warn'), info: at('info'), debug: at('debug'), trace: at('trace') }
  return { ...start({ telemetry: { meter, tracer }, logger }), measured, spans, lines }
}

t.test('metrics have the names and labels of the specification', async t => {
  const { azure, service, measured } = watch()
  service.put('/share/a', 'text')
  await azure.files.write({ path: 'a', data: 'longer' })
  t.equal(await textOf(azure.createReadStream('a')), 'longer')
  const lease = await azure.leases.acquire('a')
  await azure.leases.release(lease)
  await t.rejects(azure.files.getProperties({ path: 'missing' }))
  t.strictSame([...new Set(measured.map(({ name }) => name))].sort(), [
    'azure_files_active_leases', 'azure_files_bytes_total', 'azure_files_errors_total', 'azure_files_latency_seconds', 'azure_files_operations_total'
  ])
  const of = (name: string): Measured[] => measured.filter(measure => measure.name === name)
  t.match(of('azure_files_bytes_total'), [{ value: 6, labels: { share: 'share', direction: 'upload' } }, { value: 6, labels: { share: 'share', direction: 'download' } }])
  t.ok(of('azure_files_operations_total').some(({ labels }) => labels['operation'] === 'PutRange' && labels['share'] === 'share' && labels['status'] === 'success'))
  t.match(of('azure_files_errors_total'), [{ value: 1, labels: { operation: 'GetFileProperties', error_type: 'FileNotFound' } }])
  t.strictSame(of('azure_files_active_leases').map(({ value, labels }) => [value, labels['share']]), [[1, 'share'], [-1, 'share']])
})

t.test('bytes are counted as far as they came', async t => {
  const { azure, service, measured } = watch()
  service.put('/share/a', Buffer.alloc(1_000_000))
  const stream = azure.createReadStream('a', { concurrency: 1 })
  await new Promise(resolve => stream.once('data', resolve))
  stream.destroy()
  await new Promise(resolve => stream.once('close', resolve))
  await new Promise(resolve => setImmediate(resolve))
  const counted = measured.filter(({ name }) => name === 'azure_files_bytes_total').reduce((sum, { value }) => sum + value, 0)
  t.ok(counted > 0 && counted <= 1_000_000, `${counted}`)
})

t.test('spans have the names of the specification and what they are about', async t => {
  const { azure, service, spans } = watch()
  service.put('/share/a', 'text')
  await azure.files.write({ path: 'a', data: 'text', offset: 0 })
  await textOf(azure.createReadStream('a'))
  await azure.directories.list()
  await azure.leases.acquire({ path: 'a', proposedLeaseId: '11111111-1111-1111-1111-111111111111' })
  await t.rejects(azure.files.delete({ path: 'a' }))
  const about = (name: string): Told | undefined => spans.find(span => span.name === name)
  t.match(about('azure_files.write'), { status: 1, attributes: { 'azure_files.share': 'share', 'azure_files.path': 'a', 'azure_files.size': 4, 'azure_files.range': '0-3' } })
  t.match(about('azure_files.read'), { status: 1, attributes: { 'azure_files.share': 'share', 'azure_files.path': 'a', 'azure_files.range': '0-4194303' } })
  t.match(about('azure_files.list'), { status: 1, attributes: { 'azure_files.share': 'share', 'azure_files.path': '' } })
  t.match(about('azure_files.lease'), { attributes: { 'azure_files.action': 'acquire', 'azure_files.lease_id': '11111111-1111-1111-1111-111111111111' } })
  t.match(about('azure_files.delete'), { status: 2, attributes: { 'azure_files.path': 'a' } })
})

t.test('log levels are those of the specification', async t => {
  const { azure, service, lines } = watch()
  const levelOf = (message: string): string | undefined => lines.find(line => line.message === message)?.level
  await pipeline(Readable.from(['text']), azure.createWriteStream('a'))
  t.equal(levelOf('Creating file'), 'debug')
  t.equal(levelOf('File created'), 'info')
  t.equal(levelOf('Range written'), 'debug')
  t.equal(levelOf('Range stored'), 'trace')
  const answers = [failure(500, 'InternalError')]
  service.trouble = () => answers.shift()
  await azure.files.getProperties({ path: 'a' })
  t.equal(levelOf('Retrying'), 'warn')
  service.trouble = () => failure(409, 'LeaseAlreadyPresent')
  await t.rejects(azure.leases.acquire('a'))
  t.equal(levelOf('Failed to change lease'), 'warn')
  service.trouble = () => failure(403, 'AuthenticationFailed')
  await t.rejects(azure.files.getProperties({ path: 'a' }))
  t.equal(levelOf('Failed to read file properties'), 'error')
  service.trouble = () => failure(500, 'InternalError')
  await t.rejects(azure.files.delete({ path: 'a' }))
  t.equal(levelOf('Failed to delete file'), 'error')
  await t.rejects(Promise.resolve(service.trouble = () => failure(404, 'ResourceNotFound')).then(() => azure.files.delete({ path: 'a' })))
  t.equal(levelOf('File not found for deletion'), 'warn')
})

t.test('no channel shows a secret: logs, spans, metrics, errors', async t => {
  for (const [options, secret] of [[{}, ACCOUNT_KEY], [{ accountKey: undefined as never, sasToken: 'sv=1&sig=topsecret' }, 'topsecret']] as const) {
    const { azure, service, measured, spans, lines } = { ...watch(), ...start(options) }
    service.put('/share/a', 'text')
    await azure.files.rename({ path: 'a', to: 'b' })
    service.trouble = () => failure(403, 'AuthenticationFailed')
    const error = await azure.files.getProperties({ path: 'b' }).catch((error: unknown) => error)
    t.notMatch(inspect([error, measured, spans, lines], { depth: 12 }), secret)
  }
})
