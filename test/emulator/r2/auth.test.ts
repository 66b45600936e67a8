import t from 'tap'
import { createHash } from 'node:crypto'
import { encodePath, Signer } from '../../../streams/r2/auth.ts'
import { type Client, element, errorXml, outcome, pathOf, startClient } from '../client.ts'

const MINUTE = 60_000
const now = Date.UTC(2026, 0, 2, 3, 4, 5)
const clock = { now: () => now, sleep: async () => {}, random: () => 0 }
const r2 = { accessKeyId: 'a'.repeat(32), secretAccessKey: 'b'.repeat(64) }

type Edit = (headers: Record<string, string | undefined>) => Record<string, string | undefined>

const authorization = (change: (text: string) => string): Edit =>
  headers => ({ ...headers, authorization: change(headers['authorization'] ?? '') })

t.test('header authentication fails at the first check that fails, in R2\'s order', async t => {
  const client = await startClient(t, { clock, r2 })
  const scope = (find: string, replace: string): Edit => authorization(text => text.replace(find, replace))
  const table: Array<[what: string, edit: Edit, expected: string, message: string]> = [
    ['no credentials', headers => ({ ...headers, authorization: undefined }), '400 InvalidArgument', 'Authorization'],
    ['no payload hash', headers => ({ ...headers, 'x-amz-content-sha256': undefined, 'x-amz-date': undefined }), '400 InvalidRequest', 'Missing x-amz-content-sha256'],
    ['no date', headers => ({ ...headers, 'x-amz-date': undefined }), '400 InvalidArgument', 'No date provided in x-amz-date nor date header'],
    ['HTTP date', headers => ({ ...headers, 'x-amz-date': undefined, date: new Date(now).toUTCString() }), '400 InvalidArgument',
      "Date provided in 'date' header (Fri, 02 Jan 2026 03:04:05 GMT) didn't parse successfully"],
    ['extended date', headers => ({ ...headers, 'x-amz-date': '2026-01-02T03:04:05Z' }), '400 InvalidArgument',
      "Date provided in 'x-amz-date' header (2026-01-02T03:04:05Z) didn't parse successfully"],
    ['old date and wrong algorithm', headers => ({ ...headers, 'x-amz-date': '20260102T020405Z', authorization: 'AWS4-OTHER x' }), '403 RequestTimeTooSkewed',
      "The difference between the request time and the server's time is too large."],
    ['wrong algorithm', scope('AWS4-HMAC-SHA256', 'AWS4-OTHER'), '400 InvalidRequest', 'Please use AWS4-HMAC-SHA256'],
    ['short credential', authorization(text => text.replace(/Credential=[^,]*/, 'Credential=key/s3')), '400 InvalidArgument',
      'Credential sigv4 header should have at least 5 slash-separated parts, not 2'],
    ['other service', scope('/s3/aws4_request', '/ec2/aws5_request'), '400 InvalidArgument', 'Credential service should be s3, not ec2'],
    ['other terminator', scope('/s3/aws4_request', '/s3/aws5_request'), '400 InvalidArgument', 'Credential termination string should be aws4_request, not aws5_request'],
    ['secret as key id', scope('a'.repeat(32), 'b'.repeat(64)), '400 InvalidArgument', 'Credential access key has length 64, should be 32'],
    ['unknown region', scope('/auto/', '/mars/'), '400 InvalidRegionName', "The region name 'mars' is not valid. Must be one of: auto, wnam, enam, weur, eeur, apac, oc"],
    ['other day, unknown key', authorization(text => text.replace('20260102', '20260101').replace('aaaa', 'cccc')), '400 InvalidArgument',
      "Credential signed date 20260101 does not match 20260102 from 'x-amz-date' header"],
    ['unknown key', scope('aaaa', 'cccc'), '401 Unauthorized', 'Unauthorized'],
    ['host unsigned', scope('SignedHeaders=host;', 'SignedHeaders='), '401 Unauthorized', 'Unauthorized'],
    ['wrong signature', authorization(text => text.replace(/.$/, last => last === '0' ? '1' : '0')), '403 SignatureDoesNotMatch',
      'The request signature we calculated does not match the signature you provided. Check your secret access key and signing method.']
  ]
  for (const [what, edit, expected, message] of table) {
    const reply = await client.send({ bucket: 'nowhere', key: 'k', time: now, edit })
    t.equal(outcome(reply), expected, what)
    t.equal(element(reply.text, 'Message'), message, what)
  }
})

t.test('SignatureDoesNotMatch shows what was signed', async t => {
  const client = await startClient(t, { clock, r2 })
  const reply = await client.send({ key: 'k', time: now, credentials: { secretAccessKey: 'c'.repeat(64) } })
  t.match(reply.text, /<StringToSign>AWS4-HMAC-SHA256\n20260102T030405Z\n20260102\/auto\/s3\/aws4_request\n[0-9a-f]{64}<\/StringToSign>/)
  t.match(reply.text, /<StringToSignBytes>41 57 53 34 2d/)
  t.match(reply.text, /<CanonicalRequest>GET\n\/r2\/sluice\/k\n\nhost:/)
  t.match(reply.text, /<SignatureProvided>[0-9a-f]{64}<\/SignatureProvided><\/Error>$/)
})

t.test('authentication comes before the bucket', async t => {
  const client = await startClient(t)
  t.equal(outcome(await client.send({ bucket: 'nowhere', key: 'k' })), '404 NoSuchBucket')
  t.equal(outcome(await client.send({ bucket: 'nowhere', key: 'k', credentials: { secretAccessKey: 'x' } })), '403 SignatureDoesNotMatch')
})

t.test('skew of 15 minutes is allowed either way', async t => {
  const client = await startClient(t, { clock, r2 })
  const skewed = async (ms: number): Promise<string> => outcome(await client.send({ key: 'k', time: now + ms }))
  t.same(await Promise.all([-15 * MINUTE, 15 * MINUTE, -15 * MINUTE - 1000, 15 * MINUTE + 1000].map(skewed)),
    ['404 NoSuchKey', '404 NoSuchKey', '403 RequestTimeTooSkewed', '403 RequestTimeTooSkewed'])
})

t.test('regions: location hints and the other names of auto', async t => {
  const client = await startClient(t)
  for (const region of ['auto', '', 'us-east-1', 'weur', 'oc']) {
    t.equal(outcome(await client.send({ key: 'k', region })), '404 NoSuchKey', region)
  }
})

t.test('the path is compared in strict encoding, however it was sent', async t => {
  const client = await startClient(t)
  await client.put('dir/a b+c(1)!*\'ü:.txt', 'x')
  for (const path of ['dir/a%20b+c(1)!*\'%C3%BC:.txt', encodePath('dir/a b+c(1)!*\'ü:.txt')]) {
    t.equal((await client.send({ path: `/r2/sluice/${path}` })).status, 200, path)
  }
})

t.test('a signed payload hash is compared with the body', async t => {
  const client = await startClient(t)
  const payloadHash = createHash('sha256').update('right').digest('hex')
  t.equal(outcome(await client.send({ method: 'PUT', key: 'k', body: 'right', payloadHash })), '200')
  const wrong = await client.send({ method: 'PUT', key: 'k', body: 'wrong', payloadHash })
  t.equal(wrong.text, errorXml('XAmzContentSHA256Mismatch', 'The provided &apos;x-amz-content-sha256&apos; header does not match what was computed.'))
  t.equal((await client.get('k')).text, 'right')
  t.equal(client.emulator.r2.state.blobs, 1)
})

t.test('session tokens are refused, or demanded when the credentials are temporary', async t => {
  const permanent = await startClient(t)
  const temporary = await startClient(t, { r2: { sessionToken: 'TOKEN/with+chars==' } })
  const ask = async (client: Client, sessionToken?: string): Promise<string> =>
    outcome(await client.send({ key: 'k', credentials: sessionToken === undefined ? {} : { sessionToken } }))
  t.equal(await ask(permanent, 'TOKEN'), '400 InvalidArgument')
  t.equal(await ask(temporary), '400 InvalidArgument')
  t.equal(await ask(temporary, 'other'), '400 InvalidArgument')
  t.equal(await ask(temporary, 'TOKEN/with+chars=='), '404 NoSuchKey')
})

t.test('aws-chunked payloads are refused by name', async t => {
  const client = await startClient(t)
  for (const payloadHash of ['STREAMING-AWS4-HMAC-SHA256-PAYLOAD', 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER', 'STREAMING-UNSIGNED-PAYLOAD-TRAILER']) {
    const reply = await client.send({ method: 'PUT', key: 'k', body: '0\r\n\r\n', payloadHash })
    t.equal(reply.status, 501)
    t.equal(reply.text, errorXml('NotImplemented', `${payloadHash} not implemented`))
  }
})

interface Presign {
  method?: string
  expiresIn?: number
  time?: number
  headers?: Record<string, string>
  body?: string
  change?: (query: string) => string
  /** Sent instead of the headers that were signed. */
  sent?: Record<string, string>
}

async function presigned (client: Client, { method = 'GET', expiresIn = 60, time = now, headers = {}, body, change = query => query, sent }: Presign): Promise<string> {
  const { origin, host } = new URL(client.emulator.r2.endpoint)
  const path = pathOf('sluice', 'k')
  const query = new Signer().presignQuery({ method, path, query: [], headers: { ...headers, host } }, client.emulator.r2, expiresIn, { time })
  const reply = await client.sendRaw(origin, method, `${path}?${change(query)}`, sent ?? headers, body === undefined ? {} : { body })
  const text = Buffer.concat(await reply.body.toArray() as Buffer[]).toString()
  return outcome({ status: reply.status, headers: reply.headers, bytes: Buffer.from(text), text })
}

t.test('presigned URLs work for the four methods and end with their time', async t => {
  const client = await startClient(t, { clock, r2 })
  const type = { 'content-type': 'text/plain' }
  t.equal(await presigned(client, { method: 'PUT', body: 'hello', headers: type }), '200')
  t.equal(await presigned(client, { method: 'PUT', body: 'hello', headers: type, sent: { 'content-type': 'text/html' } }), '403 SignatureDoesNotMatch')
  t.equal(await presigned(client, {}), '200')
  t.equal(await presigned(client, { method: 'HEAD' }), '200')
  t.equal(await presigned(client, { change: query => `x-id=GetObject&${query}` }), '403 SignatureDoesNotMatch')
  t.equal(await presigned(client, { time: now - 60_000 }), '200')
  t.equal(await presigned(client, { time: now - 61_000 }), '403 ExpiredRequest')
  t.equal(await presigned(client, { expiresIn: 604_800 }), '200')
  t.equal(await presigned(client, { method: 'DELETE' }), '204')
  t.equal((await client.get('k').catch(() => ({ status: 0 }))).status, 403) // signed with the system's clock, not the emulator's
})

t.test('presigned URLs are refused at the first check that fails', async t => {
  const client = await startClient(t, { clock, r2 })
  const refused = (expiresIn: number, change: (query: string) => string = query => query): Promise<string> => presigned(client, { expiresIn, change })
  const without = (name: string) => (query: string): string => query.split('&').filter(pair => !pair.startsWith(`${name}=`)).join('&')
  t.equal(await refused(604_801), '400 InvalidArgument')
  t.equal(await refused(0), '403 ExpiredRequest')
  t.equal(await refused(60, query => query.replace('X-Amz-Expires=60', 'X-Amz-Expires=')), '400 InvalidArgument')
  t.equal(await refused(60, query => query.replace('X-Amz-Expires=60', 'X-Amz-Expires=soon')), '400 InvalidArgument')
  t.equal(await refused(60, query => query.replace('X-Amz-Expires=60', 'X-Amz-Expires=61')), '403 SignatureDoesNotMatch')
  t.equal(await refused(60, query => query.replace('AWS4-HMAC-SHA256', 'AWS4')), '400 InvalidRequest')
  t.equal(await refused(60, query => query.replace('aaaa', 'cccc')), '401 Unauthorized')
  t.equal(await refused(60, query => query.replace('SignedHeaders=host', 'SignedHeaders=date')), '401 Unauthorized')
  t.equal(await refused(60, without('X-Amz-Date')), '400 InvalidArgument')
  t.equal(await refused(60, without('X-Amz-Credential')), '400 InvalidArgument')
})

t.test('presigned URLs name all parameters that are missing', async t => {
  const client = await startClient(t)
  const { origin } = new URL(client.emulator.r2.endpoint)
  const reply = await client.sendRaw(origin, 'GET', `${pathOf('sluice', 'k')}?X-Amz-Credential=x&X-Amz-Date=x`, {})
  const text = Buffer.concat(await reply.body.toArray() as Buffer[]).toString()
  t.equal(text, errorXml('InvalidArgument', 'Required search parameters X-Amz-Algorithm,  X-Amz-Signature,  X-Amz-SignedHeaders,  X-Amz-Expires missing'))
})

t.test('the Authorization header wins over the query', async t => {
  const client = await startClient(t)
  t.equal(outcome(await client.send({ key: 'k', query: [['X-Amz-Credential', 'rubbish']] })), '404 NoSuchKey')
})
