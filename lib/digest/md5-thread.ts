/** The thread of `md5-off-thread.ts`: is sent buffers in shared memory, and answers with the MD5 of each as soon as it has it. */
import { parentPort, receiveMessageOnPort } from 'node:worker_threads'
import type { MessagePort } from 'node:worker_threads'
import { Md5Lanes } from './md5-lanes.ts'
import { md5Base64 } from './part-digests.ts'

export interface Md5Job { id: number, bytes: Uint8Array }

export interface Md5Answer { id: number, md5: string }

if (parentPort !== null) {
  const port = parentPort
  const lanes = createLanes()
  port.on('message', (job: Md5Job) => {
    const next = lanes === undefined ? undefined : nextJob(port)
    // One alone is faster without lanes, and others gather meanwhile.
    if (lanes === undefined || next === undefined) answer(port, job.id, md5Base64(job.bytes))
    else hashTogether(port, lanes, job, next)
  })
}

/** Until nothing is left of what has come meanwhile. */
function hashTogether (port: MessagePort, lanes: Md5Lanes, first: Md5Job, second: Md5Job): void {
  add(port, lanes, first)
  for (let job: Md5Job | undefined = second; job !== undefined || !lanes.idle; job = lanes.hasRoom ? nextJob(port) : undefined) {
    if (job === undefined) lanes.advance()
    else add(port, lanes, job)
  }
}

function add (port: MessagePort, lanes: Md5Lanes, { id, bytes }: Md5Job): void {
  lanes.add(bytes, digest => answer(port, id, digest.toString('base64')))
}

function nextJob (port: MessagePort): Md5Job | undefined {
  return receiveMessageOnPort(port)?.message as Md5Job | undefined
}

function answer (port: MessagePort, id: number, md5: string): void {
  const message: Md5Answer = { id, md5 }
  port.postMessage(message)
}

function createLanes (): Md5Lanes | undefined {
  try {
    return new Md5Lanes()
  } catch {
    return undefined
  }
}
