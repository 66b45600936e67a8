import t from 'tap'
import { Expectations } from '../../../lib/simulation/expectations.ts'
import type { Expectation } from '../../../lib/simulation/expectations.ts'
import type { RequestEntry } from '../../../lib/simulation/request-log.ts'

/** A request that was answered with 200, or refused where nothing was done. */
function entry (operation: string, key: string, done = [{ operation, key }]): RequestEntry {
  return {
    time: 0, service: 's', operation, key, partNumber: undefined, method: 'GET', path: '/', query: '', headers: {}, connection: 1, done, status: done.length === 0 ? 404 : 200, bytesIn: 0, bytesOut: 0, ended: true
  }
}

const read = (key: string, times?: number): Expectation => ({ what: `read ${key}`, operations: ['Read'], isMeant: deed => deed.key === key, ...(times === undefined ? {} : { times }) })

t.test('an expectation is met by what was done, in whatever request', t => {
  const expectations = new Expectations()
  expectations.add(read('a'))
  expectations.add(read('b', 2))
  expectations.add(read('c', 0))
  expectations.verify([entry('Batch', 'x', [{ operation: 'Read', key: 'a' }, { operation: 'Read', key: 'b' }]), entry('Read', 'b'), entry('Read', 'c', [])])
  t.throws(() => expectations.verify([]), {
    message: [
      'Cannot confirm 2 of 3 expectations of the mock:',
      '- read a: expected at least once, happened never; no request was seen',
      '- read b: expected 2 times, happened never; no request was seen'
    ].join('\n')
  })
  t.end()
})

t.test('what was seen instead is of the same kind where there is any, and not too long', t => {
  const expectations = new Expectations()
  expectations.add(read('a'))
  const others = Array.from({ length: 9 }, () => entry('Write', 'w'))
  t.throws(() => expectations.verify([...others, entry('Read', 'a', [])]), { message: /happened never; seen instead: Read "a" \(404\)$/ })
  t.throws(() => expectations.verify(others), { message: /seen instead: (?:Write "w" \(200\)(?:, )?){5} and 4 more$/ })
  t.end()
})
