import { format, inspect } from 'node:util'
import t from 'tap'
import { StorageError } from '../../lib/errors.ts'
import { Secret, SecretURL, redactUrl } from '../../lib/secret.ts'

t.test('Secret shows its value to reveal() and to nothing else', t => {
  const secret = new Secret('hunter2')
  const shown = [
    inspect(secret), inspect({ deep: [secret] }, { showHidden: true, depth: 9 }), JSON.stringify({ secret }), `${secret}`, String(secret),
    format('%s %o %j', secret, secret, secret), new StorageError(`no ${secret}`, { cause: secret }).message, Object.keys(secret).join()
  ].join('\n')
  t.notMatch(shown, 'hunter2')
  t.match(inspect(secret), '[redacted]')
  t.equal(secret.reveal(), 'hunter2')
  t.end()
})

t.test('SecretURL hides its query from inspect, JSON and format, and keeps it for whoever sends it', t => {
  const url = new SecretURL('https://h.example:8080/b/k?X-Amz-Signature=abc&x=1')
  const shown = [inspect(url), inspect({ nested: { url } }), JSON.stringify({ url }), format('%o %j', url, url)].join('\n')
  t.notMatch(shown, 'abc')
  t.equal(inspect(url), 'SecretURL { https://h.example:8080/b/k?[redacted] }')
  t.equal(JSON.stringify(url), '"https://h.example:8080/b/k?[redacted]"')
  t.equal(url.href, 'https://h.example:8080/b/k?X-Amz-Signature=abc&x=1')
  t.equal(new Request(url).url, url.href)
  t.end()
})

t.test('redactUrl() keeps a URL without a query', t => {
  t.equal(redactUrl('https://h/p'), 'https://h/p')
  t.equal(redactUrl('https://h/p?sig=1?2'), 'https://h/p?[redacted]')
  t.end()
})
