import { inspect } from 'node:util'
import t from 'tap'
import { ConfigurationError } from '../../../lib/errors.ts'
import { parseEndpoint } from '../../../lib/http/endpoint.ts'
import type { Endpoint } from '../../../lib/http/endpoint.ts'

const GOOD: Array<[url: string, endpoint: Endpoint]> = [
  ['https://h.example', { origin: 'https://h.example', host: 'h.example', hostname: 'h.example', pathPrefix: '' }],
  ['https://h.example:443/', { origin: 'https://h.example', host: 'h.example', hostname: 'h.example', pathPrefix: '' }],
  ['https://h.example:9000/s3/v1//', { origin: 'https://h.example:9000', host: 'h.example:9000', hostname: 'h.example', pathPrefix: '/s3/v1' }],
  ['HTTP://LOCALHOST:80', { origin: 'http://localhost', host: 'localhost', hostname: 'localhost', pathPrefix: '' }],
  ['http://127.8.9.1:9000', { origin: 'http://127.8.9.1:9000', host: '127.8.9.1:9000', hostname: '127.8.9.1', pathPrefix: '' }],
  ['http://[::1]:1', { origin: 'http://[::1]:1', host: '[::1]:1', hostname: '[::1]', pathPrefix: '' }],
  ['http://r2.localhost', { origin: 'http://r2.localhost', host: 'r2.localhost', hostname: 'r2.localhost', pathPrefix: '' }]
]

t.test('parseEndpoint() takes https anywhere and http on loopback', t => {
  for (const [url, endpoint] of GOOD) t.same(parseEndpoint(url, 'endpoint'), endpoint)
  t.same(parseEndpoint(new URL('https://h.example'), 'endpoint').origin, 'https://h.example')
  t.end()
})

const BAD: Array<[url: string, message: string]> = [
  ['http://example.com', 'Cannot use endpoint "http://example.com" as it must be https: (http: is for loopback hosts only)'],
  ['http://127.0.0.1.example.com', 'Cannot use endpoint "http://127.0.0.1.example.com" as it must be https: (http: is for loopback hosts only)'],
  ['http://localhost.example.com', 'Cannot use endpoint "http://localhost.example.com" as it must be https: (http: is for loopback hosts only)'],
  ['ftp://localhost', 'Cannot use endpoint "ftp://localhost" as it must be https: (http: is for loopback hosts only)'],
  ['example.com', 'Cannot use endpoint as it must be an absolute URL: received "example.com"'],
  ['', 'Cannot use endpoint as it must be an absolute URL: received ""'],
  ['https://me:hunter2@h.example', 'Cannot use endpoint as it holds a user name or password: pass credentials as options'],
  ['https://h.example?sig=hunter2', 'Cannot use endpoint "https://h.example" as it has a query or fragment'],
  ['https://h.example#hunter2', 'Cannot use endpoint "https://h.example" as it has a query or fragment'],
  ['https://me:hunter2@h example', 'Cannot use endpoint as it must be an absolute URL: received "https://[redacted]@h example"'],
  ['me:hunter2@h.example?sig=hunter2', 'Cannot use endpoint "me://" as it must be https: (http: is for loopback hosts only)'],
  ['//h.example/?sig=hunter2', 'Cannot use endpoint as it must be an absolute URL: received "//h.example/?[redacted]"']
]

t.test('parseEndpoint() refuses the rest and shows no secret of it', t => {
  for (const [url, message] of BAD) {
    try {
      parseEndpoint(url, 'endpoint')
      t.fail(url)
    } catch (error) {
      t.ok(error instanceof ConfigurationError)
      t.match(error, { message })
      t.notMatch(inspect(error), 'hunter2')
    }
  }
  t.end()
})
