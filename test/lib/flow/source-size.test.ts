import { createReadStream } from 'node:fs'
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { createServer, get } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import t from 'tap'
import { RangeReadable } from '../../../lib/flow/range-readable.ts'
import { sourceSize } from '../../../lib/flow/source-size.ts'
import { MemoryObject } from './support/memory-object.ts'
import { patterned } from './support/recording-upload.ts'

async function fileOf (size: number): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-'))
  t.teardown(() => rm(folder, { recursive: true }))
  await writeFile(join(folder, 'a.bin'), patterned(size))
  return join(folder, 'a.bin')
}

t.test('sourceSize() is what is between start and end of a file', async t => {
  const path = await fileOf(20)
  for (const [options, size] of [[{}, 20], [{ start: 5 }, 15], [{ start: 5, end: 9 }, 5], [{ end: 99 }, 20], [{ start: 30 }, 0]] as const) {
    const source = createReadStream(path, options)
    t.same(await sourceSize(source), size)
    source.destroy()
  }
})

t.test('sourceSize() is unknown for what is no regular file, or has no path', async t => {
  const folder = createReadStream(tmpdir()).on('error', () => undefined)
  t.same(await sourceSize(folder), undefined)
  const missing = createReadStream('/no/such/file').on('error', () => undefined)
  t.same(await sourceSize(missing), undefined)
  const handle = await open(await fileOf(20))
  t.same(await sourceSize(handle.createReadStream()), undefined)
  await handle.close()
})

t.test('sourceSize() is the size of a readable of ours once it is open', async t => {
  const source = new RangeReadable(new MemoryObject(patterned(20)), { start: 5, end: 9 })
  t.same(await sourceSize(source), undefined)
  await new Promise(resolve => source.once('info', resolve).resume())
  t.same(await sourceSize(source), 5)
})

t.test('sourceSize() is the content-length of an HTTP message', async t => {
  const server = createServer((request, response) => request.url === '/sized' ? response.setHeader('content-length', 3).end('abc') : response.write('abc', () => response.end()))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  for (const [path, size] of [['/sized', 3], ['/chunked', undefined]] as const) {
    const message = await new Promise<IncomingMessage>(resolve => get({ port: (server.address() as AddressInfo).port, path, agent: false }, resolve))
    t.same(await sourceSize(message.resume()), size)
  }
})

t.test('sourceSize() is unknown for any other source', async t => {
  t.same(await sourceSize(Readable.from(['a'])), undefined)
  t.same(await sourceSize(undefined), undefined)
})
