import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import t from 'tap'
import { createRelay } from '../../bench/relay.ts'

async function listen (server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** A relay to a server, and a connection through it. */
async function connectThrough (t: { teardown (work: () => void): void }, serve: (socket: Socket) => void): Promise<Socket> {
  const peers: Socket[] = []
  const server = createServer({ allowHalfOpen: true }, peer => {
    peers.push(peer)
    serve(peer)
  })
  const relay = createRelay({ port: await listen(server), roundTripMs: 4, bytesPerSecond: 50_000_000 })
  const socket = connect({ port: await listen(relay), host: '127.0.0.1', allowHalfOpen: true })
  t.teardown(() => {
    for (const each of [socket, ...peers]) each.destroy()
    relay.close()
    server.close()
  })
  return socket
}

t.test('bytes come back as they were sent, to the end', async t => {
  const sent = randomBytes(3_000_000)
  const socket = await connectThrough(t, peer => peer.pipe(peer))
  socket.end(sent)
  const found = Buffer.concat(await socket.toArray() as Buffer[])
  t.ok(found.equals(sent))
})

t.test('a reader that waits stops the writer', async t => {
  const socket = await connectThrough(t, peer => { peer.pause() })
  let sent = 0
  const chunk = Buffer.alloc(1_000_000)
  const fill = (): void => {
    for (let flows = true; flows && sent < 200; sent++) flows = socket.write(chunk)
  }
  fill()
  socket.on('drain', fill)
  let before = -1
  while (before !== sent) {
    before = sent
    await new Promise(resolve => setTimeout(resolve, 300))
  }
  t.ok(sent < 200, `${sent} MB went in`)
})

t.test('when one side is gone the other one goes', async t => {
  const gone = new Promise<void>((resolve, reject) => {
    connectThrough(t, peer => { peer.resume().on('error', reject).on('end', () => peer.end()).on('close', () => resolve()) })
      .then(socket => socket.on('connect', () => socket.destroy()), reject)
  })
  await gone
  t.pass('closed')
})
