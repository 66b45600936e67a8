import fc from 'fast-check'
import t from 'tap'
import { buildXml, parseXml } from '../../../streams/r2/xml.ts'
import { xml } from './support/answers.ts'

t.test('parseXml() gives the root, the texts below it and the records that repeat', t => {
  const { root, values, records } = parseXml(xml('ListBucketResult', '<Name>b</Name><Prefix/><Contents><Key>a</Key><Size>3</Size></Contents><Contents><Key>b</Key></Contents>'))
  t.same([root, values], ['ListBucketResult', { Name: 'b', Prefix: '' }])
  t.same(records('Contents'), [{ Key: 'a', Size: '3' }, { Key: 'b' }])
  t.same(records('CommonPrefixes'), [])
  t.end()
})

t.test('parseXml() gives one record as a list of one, and none as an empty one', t => {
  t.same(parseXml(xml('ListAllMyBucketsResult', '<Buckets><Bucket><Name>x</Name></Bucket></Buckets>')).records('Bucket'), [{ Name: 'x' }])
  t.same(parseXml(xml('ListAllMyBucketsResult', '<Buckets/>')).records('Bucket'), [])
  t.same(parseXml(xml('ListAllMyBucketsResult', '')).records('Bucket'), [])
  t.end()
})

t.test('parseXml() loses no record that has attributes', t => {
  const { records } = parseXml(xml('ListBucketResult', '<Contents a="1"><Key>a</Key></Contents><Contents\nb="2"><Key>b</Key></Contents><Contents/><ContentsOther>x</ContentsOther>'))
  t.same(records('Contents'), [{ Key: 'a' }, { Key: 'b' }])
  t.end()
})

t.test('parseXml() keeps texts as they are: spaces, digits, line breaks', t => {
  const { values, records } = parseXml(xml('DeleteResult', '<A>  x </A><B>007</B><C>true</C><Deleted><Key> a\n b </Key></Deleted>'))
  t.same(values, { A: '  x ', B: '007', C: 'true' })
  t.same(records('Deleted'), [{ Key: ' a\n b ' }])
  t.end()
})

t.test('parseXml() decodes the five entities and character references once, in texts and records', t => {
  const escaped = '&quot;a&quot; &amp;amp; &lt;b&gt; &apos;&#39;&#x1F600;&#13; &nbsp; &#x110000; &'
  const plain = '"a" &amp; <b> \'\'😀\r &nbsp; &#x110000; &'
  const { values, records } = parseXml(xml('DeleteResult', `<Text>${escaped}</Text><Deleted><Key>${escaped}</Key></Deleted>`))
  t.equal(values['Text'], plain)
  t.equal(records('Deleted')[0]?.['Key'], plain)
  t.end()
})

t.test('parseXml() takes white space before the document, as kept-alive answers have it', t => {
  t.equal(parseXml(`\n \n${xml('CopyObjectResult', '<ETag>"e"</ETag>')}\n`).values['ETag'], '"e"')
  t.equal(parseXml('<?xml version="1.0"?>\n  \n<CopyObjectResult><ETag>"e"</ETag></CopyObjectResult>').values['ETag'], '"e"')
  t.end()
})

t.test('parseXml() takes what it does not know: elements, attributes, nesting, an empty root', t => {
  const { values, records } = parseXml(xml('ListMultipartUploadsResult', '<New a="1"><Deep>x</Deep></New><Upload><Key>k</Key><Owner><ID>me</ID></Owner><Other/></Upload><Flat b="2">y</Flat>'))
  t.equal(values['Flat'], 'y')
  t.match(records('Upload'), [{ Key: 'k', Other: '' }])
  t.same(parseXml('<DeleteResult xmlns="x"/>').root, 'DeleteResult')
  t.same(parseXml('<DeleteResult></DeleteResult>').records('Deleted'), [])
  t.end()
})

t.test('parseXml() takes any cut of a listing for broken', t => {
  const whole = xml('ListBucketResult', '<IsTruncated>false</IsTruncated><Contents><Key>a</Key></Contents><Contents><Key>b</Key></Contents><Prefix/>')
  for (let length = 0; length < whole.length; length++) {
    t.throws(() => parseXml(whole.slice(0, length)), { code: 'MalformedAnswer', temporary: true }, `${length} characters`)
  }
  t.end()
})

const REFUSED: Array<[name: string, text: string]> = [
  ['nothing', ''],
  ['white space', ' \n '],
  ['plain text', 'error code: 522'],
  ['a page', '<!DOCTYPE html><html><body>522</body></html>'],
  ['a billion laughs', '<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><Error><Code>&b;</Code></Error>'],
  ['an external entity', '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><Error><Code>&x;</Code></Error>'],
  ['elements ten thousand deep', '<a>'.repeat(10_000) + '</a>'.repeat(10_000)]
]

for (const [name, text] of REFUSED) {
  t.test(`parseXml() refuses ${name}`, t => {
    t.throws(() => parseXml(text), { name: 'StorageError', code: 'MalformedAnswer', message: /^The answer is not the XML that was expected: / })
    t.end()
  })
}

t.test('parseXml() pollutes no prototype', t => {
  for (const name of ['__proto__', 'constructor', 'prototype', 'toString']) {
    const nested = `<${name}><polluted>yes</polluted></${name}><${name}>flat</${name}>`
    for (const text of [xml('ListBucketResult', `${nested}<Contents>${nested}<Key>k</Key></Contents>`), xml(name, '<polluted>yes</polluted>')]) {
      try {
        const { values, records } = parseXml(text)
        t.equal(Object.getPrototypeOf(values), Object.prototype)
        t.same(records('Contents').map(record => [record['Key'], Object.getPrototypeOf(record)]), records('Contents').map(() => ['k', Object.prototype]))
        t.same(records(name), [])
      } catch (error) {
        t.match(error, { code: 'MalformedAnswer' })
      }
    }
  }
  t.notOk('polluted' in {})
  t.end()
})

t.test('buildXml() writes the namespace, repeats lists and escapes texts', t => {
  t.equal(String(buildXml('Delete', { Quiet: 'false', Object: [{ Key: 'a & b' }, { Key: '<"\'>' }] })),
    '<?xml version="1.0" encoding="UTF-8"?><Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Quiet>false</Quiet>' +
    '<Object><Key>a &amp; b</Key></Object><Object><Key>&lt;&quot;&apos;&gt;</Key></Object></Delete>')
  t.end()
})

t.test('buildXml() is read back by parseXml() as it was written, for any key', t => {
  const character = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
  fc.assert(fc.property(character, fc.constantFrom('', ' ', '&amp;', '&#10;', '\t', '\n', '\r', ']]>', '__proto__'), (text, spice) => {
    const key = `${spice}${text}${spice}`
    t.same(parseXml(String(buildXml('DeleteResult', { Deleted: [{ Key: key }, { Key: 'x' }] }))).records('Deleted'), [{ Key: key }, { Key: 'x' }])
  }), { seed: 7, numRuns: 200 })
  t.end()
})
