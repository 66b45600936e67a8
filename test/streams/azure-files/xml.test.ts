import t from 'tap'
import { createXmlReader, elements } from '../../../lib/xml/xml.ts'
import { parseXml, readEntries, readRecord } from '../../../streams/azure-files/xml.ts'

const LISTING = '\uFEFF<?xml version="1.0" encoding="utf-8"?><EnumerationResults ServiceEndpoint="https://a/" ShareName="s" DirectoryPath="d &amp; e">' +
  '<Marker>m</Marker><MaxResults>3</MaxResults><Entries>' +
  '<Directory><FileId>1</FileId><Name>a &lt;dir&gt;</Name><Properties /></Directory>' +
  '<File><FileId>2</FileId><Name Encoded="true">b%EF%BF%BE%20c</Name><Properties><Content-Length>5</Content-Length><Etag>"0x1"</Etag></Properties><Attributes>Archive | Temporary</Attributes></File>' +
  '<Directory><Name>c%20</Name><Properties/></Directory>' +
  '</Entries><NextMarker>1!8!ZmlsZWEz</NextMarker></EnumerationResults>'

t.test('readEntries() keeps files and directories in their one order and decodes what says that it is encoded', async t => {
  const { root, values, raw } = parseXml(LISTING)
  t.equal(root, 'EnumerationResults')
  t.strictSame(values, { Marker: 'm', MaxResults: '3', NextMarker: '1!8!ZmlsZWEz' })
  t.strictSame(readEntries(raw('Entries')), [
    { kind: 'Directory', values: { FileId: '1', Name: 'a <dir>', Properties: '' }, metadata: {} },
    { kind: 'File', values: { FileId: '2', Name: 'b\uFFFE c', 'Content-Length': '5', Etag: '"0x1"', Attributes: 'Archive | Temporary' }, metadata: {} },
    { kind: 'Directory', values: { Name: 'c%20', Properties: '' }, metadata: {} }
  ])
})

t.test('readEntries() keeps metadata apart from properties of the same name', async t => {
  const { raw } = parseXml('<EnumerationResults><Shares><Share><Name>a</Name><Properties><Quota>5</Quota></Properties><Metadata><Name>b</Name><Quota>6</Quota></Metadata></Share></Shares><NextMarker /></EnumerationResults>')
  t.strictSame(readEntries(raw('Shares')), [{ kind: 'Share', values: { Name: 'a', Quota: '5' }, metadata: { Name: 'b', Quota: '6' } }])
})

t.test('readEntries() finds none where there are none', async t => {
  for (const entries of ['<Entries />', '<Entries></Entries>', '']) {
    t.strictSame(readEntries(parseXml(`<EnumerationResults>${entries}<NextMarker /></EnumerationResults>`).raw('Entries')), [])
  }
})

t.test('readRecord() refuses a name that is not what it says', async t => {
  t.throws(() => readRecord('<Name Encoded="true">%FF</Name>'), { code: 'MalformedAnswer' })
})

t.test('createXmlReader() takes no answer that breaks off, and no DOCTYPE', async t => {
  for (let length = 60; length < LISTING.length - 1; length += 37) {
    t.throws(() => parseXml(LISTING.slice(0, length)), { code: 'MalformedAnswer', temporary: true }, `${length}`)
  }
  t.throws(() => parseXml('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'), { code: 'MalformedAnswer' })
  t.throws(() => parseXml(''), { code: 'MalformedAnswer' })
  t.throws(() => parseXml('Service unavailable'), { code: 'MalformedAnswer' })
})

t.test('elements() decodes the entities of XML and no others', async t => {
  t.strictSame([...elements('<a>&#x41;&#66;&amp;lt;&nbsp;</a><b/><c x="1" />')], [
    { name: 'a', attributes: '', text: 'AB&lt;&nbsp;' }, { name: 'b', attributes: '', text: '' }, { name: 'c', attributes: 'x="1"', text: '' }
  ])
  t.same(createXmlReader({})('<a><b>1</b></a>').values, { b: '1' })
})

t.test('readEntries() reads a page of 5,000 in a moment', async t => {
  const entry = '<File><FileId>1</FileId><Name>file</Name><Properties><Content-Length>5</Content-Length><CreationTime>2024-03-01T12:00:00.0000000Z</CreationTime><Etag>"0x1"</Etag></Properties></File>'
  const { raw } = parseXml(`<EnumerationResults><Entries>${entry.repeat(5000)}</Entries><NextMarker /></EnumerationResults>`)
  t.equal(readEntries(raw('Entries')).length, 5000)
})
