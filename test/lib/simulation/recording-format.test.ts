import t from 'tap'
import { contentHash, formatRecording, parseRecording, sha256Of } from '../../../lib/simulation/recording-format.ts'
import type { Interaction, RecordingFile } from '../../../lib/simulation/recording-format.ts'

const metadata = { version: '1.0', created: '2025-12-13T00:00:00Z', drive_id: 'b!x' }
const interaction: Interaction = { id: '1', operation: 'get_object', request: { method: 'GET', path: '/b/k', headers: {} }, response: { status: 200, body: { lines: 'one\ntwo', list: [1, []] } } }
const begun = { id: '2', operation: 'get_object', method: 'GET', path: '/b/k' }

const RECORDINGS: RecordingFile[] = [
  { metadata, interactions: [] },
  { metadata, interactions: [interaction, { ...interaction, id: '3' }] },
  { metadata, interactions: [interaction], unfinished: [begun] },
  { metadata, interactions: [], unfinished: [begun, { ...begun, id: '4' }] }
]

for (const [index, recording] of RECORDINGS.entries()) {
  t.test(`Recording ${index} is written as JSON is, and read as it was`, t => {
    const text = [...formatRecording(recording)].join('')
    t.equal(text, `${JSON.stringify(recording, null, 2)}\n`)
    t.same(parseRecording(text, 'here'), recording)
    t.end()
  })
}

t.test('A content hash goes there and back; what is none is not compared', t => {
  const sha256 = '0f'.repeat(32)
  t.equal(sha256Of(contentHash(sha256)), sha256)
  for (const none of [undefined, 'sha256:abcd1234...', sha256, `sha256:${'0F'.repeat(32)}`, `md5:${sha256}`]) t.equal(sha256Of(none), undefined)
  t.end()
})
