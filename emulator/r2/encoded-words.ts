/** RFC 2047 encoded-words, in which header values carry what is not ASCII. */

const WORD = /=\?([^?\s]+)\?([bq])\?([^?\s]*)\?=/gi
/** Blanks between two encoded-words belong to neither. */
const BETWEEN_WORDS = /(\?=)[ \t]+(?==\?[^?\s]+\?[bq]\?)/gi
const PLAIN = /^[\x20-\x7e\t]*$/
/** A word is at most 75 characters; `=?UTF-8?B?` and `?=` take 12 of them, so 45 bytes fit. */
const BYTES_PER_WORD = 45

export function decodeWords (value: string): string {
  if (!value.includes('=?')) return value
  return value.replace(BETWEEN_WORDS, '$1').replace(WORD, (word, charset: string, encoding: string, text: string) => {
    const bytes = encoding.toLowerCase() === 'b' ? Buffer.from(text, 'base64') : decodeQ(text)
    try {
      return new TextDecoder(charset).decode(bytes)
    } catch {
      return word // a charset nobody knows
    }
  })
}

export function encodeWords (value: string): string {
  if (PLAIN.test(value)) return value
  const words: string[] = []
  let word = ''
  for (const character of value) {
    if (Buffer.byteLength(word + character) > BYTES_PER_WORD) {
      words.push(word)
      word = ''
    }
    word += character
  }
  return [...words, word].map(text => `=?UTF-8?B?${Buffer.from(text).toString('base64')}?=`).join(' ')
}

function decodeQ (text: string): Buffer {
  const latin1 = text.replaceAll('_', ' ').replace(/=([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return Buffer.from(latin1, 'latin1')
}
