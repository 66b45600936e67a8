import t from 'tap'
import { Links } from '../../../lib/simulation/links.ts'
import type { RecordedService } from '../../../lib/simulation/recording-profile.ts'
import { Sanitizer, cleanQuery } from '../../../lib/simulation/sanitizer.ts'
import { RECORDING as AZURE_FILES } from '../../../streams/azure-files/recording.ts'
import { RECORDING as ONEDRIVE } from '../../../streams/onedrive/recording.ts'

const endpoint = { origin: 'https://service.example', host: 'service.example', hostname: 'service.example', pathPrefix: '/v1.0' }

function sanitizer (profile: RecordedService['profile'] = ONEDRIVE): Sanitizer {
  return new Sanitizer({ profile, endpoint }, new Links())
}

t.test('Of a query all that grants access is dropped, and nothing else', t => {
  t.equal(cleanQuery('restype=directory&comp=list&sv=2023-11-03&ss=f&srt=sco&sp=rl&se=2030-01-01&sig=abc%3D'), 'restype=directory&comp=list')
  t.equal(cleanQuery('si=policy&sp=r'), 'si=policy&sp=r') // No SAS without a signature.
  t.equal(cleanQuery('versionId=1&X-Amz-Credential=key&X-Amz-Signature=abc&X-Amz-Security-Token=t'), 'versionId=1')
  t.equal(cleanQuery('UniqueId=1&tempauth=abc&ApiVersion=2.0&access_token=x'), 'UniqueId=1&ApiVersion=2.0')
  t.equal(cleanQuery('token=aTE09'), 'token=aTE09') // Where a delta goes on.
  t.equal(cleanQuery('a=1&amp;sv=1&amp;sig=abc'), 'a=1') // In XML.
  t.end()
})

t.test('URLs of the endpoint are the same for every host, and come back as the client\'s own', t => {
  const clean = sanitizer()
  t.equal(clean.text('{"next":"https://service.example/v1.0/me/drive?$skiptoken=x"}'), '{"next":"https://endpoint.invalid/me/drive?$skiptoken=x"}')
  t.equal(clean.text('https://service.example/v1.00/me'), 'https://service.example/v1.00/me')
  t.equal(clean.text('<a href=\'https://other.example/x?sig=abc&amp;sv=1\'>'), '<a href=\'https://other.example/x\'>')
  t.equal(clean.restore('see https://endpoint.invalid/me/drive'), 'see https://service.example/v1.0/me/drive')
  t.end()
})

t.test('Links that carry their own authorization get a stand-in, the same for the same link', t => {
  const clean = sanitizer()
  const item = { id: '01ABC', parentReference: { driveId: 'b!x' }, '@microsoft.graph.downloadUrl': 'https://host.example/down?tempauth=secret' }
  t.same(clean.json({ value: [item] }), { value: [{ ...item, '@microsoft.graph.downloadUrl': 'https://link.invalid/drives/b!x/items/01ABC/content' }] })
  t.same(clean.json({ uploadUrl: 'https://host.example/up/secret' }), { uploadUrl: 'https://link.invalid/links/1' })
  t.same(clean.json({ uploadUrl: 'https://host.example/up/other' }), { uploadUrl: 'https://link.invalid/links/2' })
  t.equal(clean.text('{"@microsoft.graph.sourceUrl":"https://host.example/up/secret"}'), '{"@microsoft.graph.sourceUrl":"https://link.invalid/links/1"}')
  t.same(clean.json({ responses: [{ headers: { Location: 'https://host.example/monitor/1' } }] }), { responses: [{ headers: { Location: 'https://link.invalid/links/3' } }] })
  t.equal(clean.location('copy', 'https://host.example/monitor/2'), 'https://link.invalid/links/4')
  t.equal(clean.location('get_item', 'https://service.example/v1.0/me'), 'https://endpoint.invalid/me')
  t.end()
})

t.test('A link is known in every form of its origin; one that the caller brings is numbered apart; numbers go on', t => {
  const links = new Links('{"uploadUrl":"https://link.invalid/links/4","path":"/links/12","other":"/given-links/3"}')
  t.equal(links.add('https://HOST.example:443/up?token=a%27b'), '/links/13')
  t.equal(links.pathOf('https://host.example/up?token=a%27b'), '/links/13')
  t.equal(links.pathOf('https://host.example/up?token=a\'b'), undefined)
  t.equal(links.pathOf('https://link.invalid/links/4'), '/links/4')
  t.equal(links.addGiven('https://host.example/up?token=other'), '/given-links/4')
  t.equal(links.addGiven('https://host.example/up?token=other'), '/given-links/4')
  t.equal(links.addGiven('https://host.example/up?token=a%27b'), '/links/13')
  t.end()
})

t.test('Tokens in a body and the key that signs are blacked out', t => {
  t.same(sanitizer().answer('get_item', '{"access_token":"secret","refreshToken":"secret","token_type":"Bearer","n":1}'), { access_token: '[redacted]', refreshToken: '[redacted]', token_type: 'Bearer', n: 1 })
  t.equal(sanitizer(AZURE_FILES).answer('get_user_delegation_key', '<UserDelegationKey><SignedOid>o</SignedOid><Value>c2VjcmV0</Value></UserDelegationKey>'), '<UserDelegationKey><SignedOid>o</SignedOid><Value>cmVkYWN0ZWQ=</Value></UserDelegationKey>')
  t.equal(sanitizer().answer('get_item', '{"broken'), '{"broken')
  t.end()
})
