import t from 'tap'
import { compositeEtag, md5OfEtag, parseCompositeEtag } from '../../../streams/r2/etag.ts'
import { normalizeEtag } from '../../../streams/r2/wire.ts'

t.test('compositeEtag() joins the etags of parts as R2 does', t => {
  t.equal(compositeEtag(['"bce6bf66aeb76c7040fdd5f4eccb78e6"', '"8165449fc15bbf43d3b674595cbcc406"']), '"f77dc0eecdebcd774a2a22cb393ad2ff-2"')
  t.equal(compositeEtag([]), '"d41d8cd98f00b204e9800998ecf8427e-0"')
  t.end()
})

t.test('compositeEtag() says nothing when an etag is opaque, as those before June 2023 are', t => {
  for (const opaque of ['"bce6bf66aeb76c7040fdd5f4eccb78e6-1"', '"AB/c+d=="', 'bce6bf66aeb76c7040fdd5f4eccb78e6', '"BCE6BF66AEB76C7040FDD5F4ECCB78E6"', '']) {
    t.equal(compositeEtag(['"8165449fc15bbf43d3b674595cbcc406"', opaque]), undefined)
  }
  t.end()
})

t.test('md5OfEtag() and parseCompositeEtag() read what an etag states', t => {
  t.equal(md5OfEtag('"8165449fc15bbf43d3b674595cbcc406"'), '8165449fc15bbf43d3b674595cbcc406')
  t.equal(md5OfEtag('W/"8165449fc15bbf43d3b674595cbcc406"'), undefined)
  t.same(parseCompositeEtag('"f77dc0eecdebcd774a2a22cb393ad2ff-10000"'), { md5: 'f77dc0eecdebcd774a2a22cb393ad2ff', parts: 10_000 })
  t.equal(parseCompositeEtag('"f77dc0eecdebcd774a2a22cb393ad2ff"'), undefined)
  t.end()
})

t.test('normalizeEtag() puts the quotes back that a server left out', t => {
  t.same(['"a"', 'a', 'W/"a"', '*', ''].map(normalizeEtag), ['"a"', '"a"', 'W/"a"', '*', ''])
  t.end()
})
