import { Agent } from 'undici'
import type { Dispatcher } from 'undici'
import t from 'tap'
import { ConfigurationError } from '../../../lib/errors.ts'
import { withSubject } from '../../../lib/simulation/dispatch-subject.ts'
import { MutatingDispatcher } from '../../../lib/simulation/mutating-dispatcher.ts'
import { MutationPlan } from '../../../lib/simulation/mutation-plan.ts'
import type { Mutation } from '../../../lib/simulation/mutations.ts'

const wrong = (mutations: unknown): string => {
  try {
    return String(new MutatingDispatcher(new Agent(), { mutations: mutations as Mutation[] }))
  } catch (error) {
    if (error instanceof ConfigurationError) return error.message
    throw error
  }
}

t.test('a script that is wrong is refused as a whole, with what is wrong', async t => {
  const cases: Array<[unknown, string]> = [
    [{}, 'Cannot use the mutations as they must be a list: received {}'],
    [[5], 'Cannot use mutation 1 as it must be { on?, do }: received 5'],
    [[{ do: { status: 503 } }, { on: {}, when: 1, do: {} }], 'Cannot use mutation 2 as it has an unknown "when": wanted "on" and "do"'],
    [[{}], 'Cannot use mutation 1 as "do" must be an object: received undefined'],
    [[{ do: {} }], 'Cannot use mutation 1 as "do" has nothing in it'],
    [[{ do: { connect: 'slowly' } }], 'Cannot use mutation 1 as do.connect must be one of "refused", "unreachable", "unknown-host", "timeout", "tls-handshake", "expired-certificate", "self-signed-certificate", "wrong-host-certificate": received "slowly"'],
    [[{ do: { reset: { byte: 5 } } }], 'Cannot use mutation 1 as do.reset must be "before", { requestByte: n } or { responseByte: n } with a whole number of 0 or more: received {"byte":5}'],
    [[{ do: { truncate: { responseByte: -1 } } }], 'Cannot use mutation 1 as do.truncate must be { responseByte: n } with a whole number of 0 or more, and length "kept" or "fits": received {"responseByte":-1}'],
    [[{ do: { status: 99 } }], 'Cannot use mutation 1 as do.status must be a status from 200 to 599: received 99'],
    [[{ do: { retryAfter: 1 } }], 'Cannot use mutation 1 as do.retryAfter needs do.status'],
    [[{ do: { status: 503, reset: 'before' } }], 'Cannot use mutation 1 as reset and status cannot both end one request'],
    [[{ do: { status: 503, flipBit: { responseByte: 1 } } }], 'Cannot use mutation 1 as do.flipBit needs an answer, of which do.status leaves none'],
    [[{ do: { headers: {} } }], 'Cannot use mutation 1 as do.headers must be names with a text, a list of texts or null: received {}'],
    [[{ do: { bytesPerSecond: 0 } }], 'Cannot use mutation 1 as do.bytesPerSecond must be a number above 0: received 0'],
    [[{ do: { latencyMs: NaN } }], 'Cannot use mutation 1 as do.latencyMs must be a number of 0 or more that timers can take: received NaN'],
    [[{ do: { explode: true } }], 'Cannot use mutation 1 as do.explode is unknown: wanted one of connect, reset, truncate, stall, loseAnswer, loseAnswerWith, status, retryAfter, body, html, redirect, protocol, flipBit, headers, rewrite, changeObject, latencyMs, bytesPerSecond'],
    [[{ on: { nth: 0 }, do: { status: 503 } }], 'Cannot use mutation 1 as on.nth must be a whole number of 1 or more: received 0'],
    [[{ on: { times: 1.5 }, do: { status: 503 } }], 'Cannot use mutation 1 as on.times must be a whole number of 1 or more, or Infinity: received 1.5'],
    [[{ on: { chance: 2 }, do: { status: 503 } }], 'Cannot use mutation 1 as on.chance must be a number above 0 and at most 1: received 2'],
    [[{ on: { path: 5 }, do: { status: 503 } }], 'Cannot use mutation 1 as on.path must be a text that is not empty or a RegExp: received 5'],
    [[{ on: { operation: [] }, do: { status: 503 } }], 'Cannot use mutation 1 as on.operation must be a name or a list of names: received []'],
    [[{ on: { toString: 1 }, do: { status: 503 } }], 'Cannot use mutation 1 as on.toString is unknown: wanted one of service, operation, method, path, nth, times, chance']
  ]
  for (const [script, message] of cases) t.equal(wrong(script), message)
  t.match(wrong([{ do: { changeObject: true, reset: { responseByte: 5 }, latencyMs: 1 } }, { on: { path: /a/ }, do: { status: 200, body: '<Error/>' } }]), '[object Object]', 'and a good one is not')
})

const request = (operation: string, path = '/b/k', method: Dispatcher.HttpMethod = 'PUT'): Dispatcher.DispatchOptions =>
  withSubject({ origin: 'http://localhost', path, method }, { service: 'r2', operation, action: `${operation} of ${path.split('?')[0]}` })

/** Which of the requests are met; the trouble takes place. */
function meetings (plan: MutationPlan, requests: Dispatcher.DispatchOptions[]): boolean[] {
  return requests.map(options => {
    const happening = plan.meet(options)
    happening?.did('status')
    return happening !== undefined
  })
}

t.test('a target names service, operation, method and path; nth and times count those that match', async t => {
  const met = (on: Mutation['on'], requests: Dispatcher.DispatchOptions[]): boolean[] => meetings(new MutationPlan([{ ...(on && { on }), do: { status: 503 } }], 0), requests)
  const parts = [1, 2, 3, 4].map(part => request('upload_part', `/b/my%20file?partNumber=${part}&uploadId=x`))
  t.same(met(undefined, parts), [true, false, false, false])
  t.same(met({ nth: 2, times: 2 }, parts), [false, true, true, false])
  t.same(met({ path: 'my file?partNumber=3' }, parts), [false, false, true, false])
  t.same(met({ path: /partNumber=[24]/g, times: Infinity }, parts), [false, true, false, true])
  t.same(met({ operation: ['head_object', 'put_object'] }, [...parts, request('put_object')]), [false, false, false, false, true])
  t.same(met({ method: 'get', service: 'r2' }, [request('x'), request('x', '/b/k', 'GET')]), [false, true])
  t.same(met({ service: 'onedrive' }, parts), [false, false, false, false])
})

t.test('the first mutation that wants a request has it; what only colours joins any', async t => {
  const plan = new MutationPlan([{ do: { status: 500 } }, { on: { times: Infinity }, do: { latencyMs: 5 } }, { do: { status: 503 } }], 0)
  const troubles = [1, 2, 3].map(() => {
    const happening = plan.meet(request('put_object'))
    happening?.did('status')
    return happening?.trouble
  })
  t.same(troubles, [{ status: 500, latencyMs: 5 }, { status: 503, latencyMs: 5 }, { latencyMs: 5 }])
  t.same(plan.counts.map(({ matched, happened }) => [matched, happened]), [[3, 1], [3, 3], [3, 1]])
  t.same(plan.unmet(), [])
})

t.test('what could not take place is kept for the next request', async t => {
  const plan = new MutationPlan([{ do: { flipBit: { responseByte: 100 } } }], 0)
  plan.meet(request('get_object'))?.over('the answer had 5 bytes')
  t.same(plan.unmet(), ['{"flipBit":{"responseByte":100}} on any request happened 0 of 1 times: 1 request matched, but the answer had 5 bytes'])
  plan.meet(request('get_object'))?.did('flipBit')
  t.same(plan.unmet(), [])
  t.equal(plan.meet(request('get_object')), undefined)
})

t.test('the same seed gives the same trouble, another seed another', async t => {
  const requests = Array.from({ length: 200 }, () => request('put_object'))
  const run = (seed: number): boolean[] => meetings(new MutationPlan([{ on: { chance: 0.1, times: Infinity }, do: { status: 503 } }], seed), requests)
  t.same(run(7), run(7))
  t.notSame(run(7), run(8))
  const hits = run(7).filter(Boolean).length
  t.ok(hits > 8 && hits < 40, `${hits} of 200`)
})

t.test('what never happened is told with what was seen instead', async t => {
  const script: Mutation[] = [
    { on: { operation: 'complete_multipart_upload' }, do: { status: 503 } },
    { on: { operation: 'put_object', nth: 3, times: 2 }, do: { reset: 'before' } },
    { on: { path: /\.gz$/, times: Infinity }, do: { loseAnswer: true } },
    { on: { chance: 0.001, method: 'GET' }, do: { connect: 'refused' } }
  ]
  const dispatcher = new MutatingDispatcher(new Agent(), { mutations: script })
  t.same(dispatcher.unmet().map(line => line.split(': ').at(-1)), ['there were no requests', 'there were no requests', 'there were no requests'])
  const plan = new MutationPlan(script, 0)
  meetings(plan, [request('put_object'), request('put_object'), request('head_object', '/b/other?X-Amz-Signature=secret')])
  t.same(plan.unmet(), [
    '{"status":503} on complete_multipart_upload happened 0 of 1 times: no request matched; there were put_object (put_object of /b/k) (2 times), head_object (head_object of /b/other)',
    '{"reset":"before"} on put_object (from request 3 on) happened 0 of 2 times: 2 requests matched',
    '{"loseAnswer":true} on /\\.gz$/ happened 0 of any number of times: no request matched; there were put_object (put_object of /b/k) (2 times), head_object (head_object of /b/other)'
  ])
  t.throws(() => dispatcher.verify(), /^Cannot confirm the mutations as \{"status":503\} on complete_multipart_upload happened 0 of 1 times: there were no requests; \{"reset"/)
})
