import { once } from 'node:events'
import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import t from 'tap'
import { oneDriveSink } from '../../../bench/sink/onedrive.ts'
import { s3Sink } from '../../../bench/sink/s3.ts'
import { createWireServer } from '../../../bench/sink/wire-server.ts'
import type { SinkCounters, SinkService } from '../../../bench/sink/wire-server.ts'
import { MiB } from '../../../lib/bytes/sizes.ts'
import { OneDrive } from '../../../streams/onedrive/index.ts'
import { R2 } from '../../../streams/r2/index.ts'

async function start (t: { teardown (work: () => Promise<unknown>): void }, service: SinkService): Promise<{ port: number, counters: SinkCounters }> {
  const counters = { requests: 0, bytesIn: 0, bytesOut: 0 }
  const server = createWireServer(service, {}, counters)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(async () => { server.close() })
  return { port: (server.address() as AddressInfo).port, counters }
}

/** What comes back for these bytes, until the server ends. */
async function ask (port: number, bytes: string): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1' })
  socket.write(bytes)
  return Buffer.concat(await socket.toArray() as Buffer[]).toString('latin1')
}

t.test('takes and gives what a client of R2 moves, and counts it', async t => {
  const { port, counters } = await start(t, s3Sink)
  const client = new R2({ endpoint: `http://127.0.0.1:${port}`, accessKeyId: 'a', secretAccessKey: 'b', bucket: 'bench' })
  const upload = client.createWriteStream('object')
  await pipeline(Readable.from(Array.from({ length: 25 }, () => Buffer.alloc(MiB))), upload)
  t.match(upload.result, { size: 25 * MiB, parts: 3 })
  t.equal(counters.requests, 5)
  t.ok(counters.bytesIn >= 25 * MiB && counters.bytesIn < 25 * MiB + 10_000)
  const read = await client.createReadStream(`zeros-${9 * MiB + 1}`).toArray() as Buffer[]
  t.equal(Buffer.concat(read).length, 9 * MiB + 1)
  t.equal((await client.createListStream({ prefix: 'listed-2500/' }).toArray()).length, 2500)
  await client.close()
})

t.test('takes the fragments of a client of OneDrive', async t => {
  const { port, counters } = await start(t, oneDriveSink)
  const client = new OneDrive({ endpoint: `http://127.0.0.1:${port}/onedrive/v1.0`, accessToken: 'a' })
  const size = 21 * MiB
  const upload = client.createWriteStream('/object', { size })
  await pipeline(Readable.from(Array.from({ length: 21 }, () => Buffer.alloc(MiB))), upload)
  t.match(upload.result, { size, parts: 3 })
  t.equal(counters.requests, 4)
  await client.close()
})

t.test('finds the end of a head in two pieces, tells who waits to go on, ends when told to, refuses chunks', async t => {
  const { port } = await start(t, s3Sink)
  const socket = connect({ port, host: '127.0.0.1' })
  socket.write('PUT /bench/object HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-Continue\r\nConnection: Close\r')
  await new Promise(resolve => setTimeout(resolve, 20))
  socket.write('\n\r\n')
  const [first] = await once(socket, 'data') as [Buffer]
  t.equal(first.toString(), 'HTTP/1.1 100 Continue\r\n\r\n')
  socket.write('abc')
  t.match(Buffer.concat(await socket.toArray() as Buffer[]).toString(), /^HTTP\/1\.1 200 .*etag: "opaque"/s)
  t.match(await ask(port, 'PUT /bench/object HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n'), 'HTTP/1.1 411 ')
  t.match(await ask(port, 'HEAD /bench/zeros-77 HTTP/1.1\r\nConnection: close\r\n\r\n'), /content-length: 77\r\n.*\r\n\r\n$/s)
})
