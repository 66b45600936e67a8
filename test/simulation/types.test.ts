/** What the compiler must refuse stands here with the reason; what it cannot see of recordings is looked at. */
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { parseRecording } from '../../lib/simulation/recording-format.ts'
import type { Interaction, RecordingFile } from '../../lib/simulation/recording-format.ts'
import { checkMutations } from '../../lib/simulation/mutation-checks.ts'
import type { Mutation, Trouble } from '../../lib/simulation/mutations.ts'
import type { SimulationOptions } from '../../lib/simulation/simulation-options.ts'
import { FIXTURES } from './support/replays.ts'

t.test('the compiler and the check refuse the same scripts', async t => {
  const wrong: Mutation[] = [
    // @ts-expect-error There is no such word.
    { do: { connect: 'slow' } },
    // @ts-expect-error There is no such trouble.
    { do: { explode: true } },
    // @ts-expect-error A byte of what?
    { do: { reset: { byte: 5 } } },
    // @ts-expect-error A trouble that is false is none.
    { do: { loseAnswer: false } },
    // @ts-expect-error There is no such target.
    { on: { key: 'a' }, do: { status: 503 } },
    // @ts-expect-error Nothing would happen.
    { on: {} }
  ]
  for (const mutation of wrong) t.throws(() => checkMutations([mutation]), { name: 'ConfigurationError' })
})

t.test('every kind of trouble passes both', async t => {
  const troubles: Required<Trouble> = {
    connect: 'refused',
    reset: { requestByte: 0 },
    truncate: { responseByte: 1, length: 'fits' },
    stall: 'response',
    loseAnswer: true,
    loseAnswerWith: 502,
    status: 429,
    retryAfter: 'Wed, 21 Oct 2025 07:28:00 GMT',
    body: '<Error/>',
    html: true,
    redirect: 'loop',
    protocol: 'garbage',
    flipBit: { responseByte: 7 },
    headers: { etag: null, date: ['a', 'b'] },
    rewrite: { find: /a/, replace: '' },
    changeObject: true,
    latencyMs: 0,
    bytesPerSecond: 0.5
  }
  const ofStatus = new Set(['retryAfter', 'body', 'html'])
  for (const [name, value] of Object.entries(troubles)) {
    t.doesNotThrow(() => checkMutations([{ do: { ...(ofStatus.has(name) ? { status: 503 } : {}), [name]: value } }]), name)
  }
})

t.test('an option is one mode or none', async t => {
  const options: SimulationOptions[] = ['disabled', 'record', 'replay', {}, { mutations: [], seed: 1 }, { replay: 'a', latency: 'recorded' }, { record: 'a', requestContent: 'hash' }]
  // @ts-expect-error A number of times, or as it was.
  options.push({ replay: 'a', latency: 'slow' })
  // @ts-expect-error There is no such word.
  options.push('rewind')
  t.equal(options.length, 9)
})

t.test('every committed recording is of the form that the types tell', async t => {
  const paths = (await readdir(FIXTURES, { recursive: true })).filter(path => path.endsWith('.json'))
  t.ok(paths.length >= 16)
  for (const path of paths) {
    const text = await readFile(join(FIXTURES, path), 'utf8')
    const { metadata, interactions, unfinished }: RecordingFile = parseRecording(text, path)
    t.match(metadata, { version: '1.0', created: '2025-01-02T03:04:05.000Z' }, path)
    t.same(unfinished ?? [], [])
    t.same(interactions.filter(interaction => !isWhole(interaction)), [], path)
    t.equal(new Set(interactions.map(({ id }) => id)).size, interactions.length)
    t.notMatch(text, /Signature=|AWS4-HMAC|SharedKey |Bearer |sig=|tempauth|127\.0\.0\.1/, 'and holds neither a secret nor an address')
  }
})

function isWhole ({ service, operation, request, response }: Interaction): boolean {
  return ['r2', 'onedrive', 'azure-files'].includes(service ?? '') && /^[a-z0-9_]+$/.test(operation) &&
    request.path.startsWith('/') && response !== undefined && response.status >= 200
}
