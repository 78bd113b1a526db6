/* workloads/pyobj/unicode_codec.c -- UTF-8 to str and back, with the temporaries of CPython's
 * decoder and encoder (Objects/unicodeobject.c, bytesobject.c @v3.11). Input must be valid. */
#include "workloads/pyobj/runtime.h"

#include <string.h>

/* One character of valid UTF-8; advances *text. */
static uint32_t decode_char(const unsigned char **text)
{
    const unsigned char *s = *text;
    if (s[0] < 0x80) {
        *text += 1;
        return s[0];
    }
    if (s[0] < 0xe0) {
        *text += 2;
        return (s[0] & 0x1fu) << 6 | (s[1] & 0x3fu);
    }
    if (s[0] < 0xf0) {
        *text += 3;
        return (s[0] & 0x0fu) << 12 | (s[1] & 0x3fu) << 6 | (s[2] & 0x3fu);
    }
    *text += 4;
    return (s[0] & 0x07u) << 18 | (s[1] & 0x3fu) << 12 | (s[2] & 0x3fu) << 6 | (s[3] & 0x3fu);
}

/* How many leading bytes are ASCII. */
static pab_ssize ascii_prefix(const unsigned char *text, pab_ssize bytes)
{
    pab_ssize length = 0;
    uint64_t word;
    for (; length + 8 <= bytes; length += 8) {
        memcpy(&word, text + length, sizeof(word));
        if ((word & UINT64_C(0x8080808080808080)) != 0) {
            break;
        }
    }
    while (length < bytes && text[length] < 128) {
        length++;
    }
    return length;
}

/* What the decoder's buffer becomes when `character` does not fit: the same number of
 * characters, wider. Takes `str`. */
static struct pab_unicode *widen(struct pab_unicode *str, pab_ssize filled, uint32_t character)
{
    struct pab_object *wide = pab_unicode_new(str->length, character);
    if (wide != NULL) {
        pab_unicode_copy((struct pab_unicode *)wide, 0, str, 0, filled);
    }
    pab_decref(&str->base);
    return (struct pab_unicode *)wide;
}

/* Cuts the buffer to what was filled; one Latin-1 character is shared. Takes `str`. */
static struct pab_object *finish(struct pab_unicode *str, pab_ssize filled)
{
    struct pab_unicode *result = str;
    if (filled != str->length) {
        result = pab_unicode_resize(str, filled);
        if (result == NULL) {
            pab_decref(&str->base);
            return NULL;
        }
    }
    if (filled == 1 && result->kind == 1) {
        struct pab_object *shared = pab_unicode_latin1((uint8_t)pab_unicode_get(result, 0));
        pab_decref(&result->base);
        return shared;
    }
    return &result->base;
}

/* Starts in the hope of ASCII with a buffer of one character for each byte, and widens it
 * whenever a character asks for it, as CPython's decoder does. */
struct pab_object *pab_unicode_from_utf8(const char *text, pab_ssize bytes)
{
    const unsigned char *s = (const unsigned char *)text;
    const unsigned char *end = s + bytes;
    if (bytes == 0) {
        return pab_unicode_empty();
    }
    if (bytes == 1) {
        assert(s[0] < 128);
        return pab_unicode_latin1(s[0]);
    }
    struct pab_object *object = pab_unicode_new(bytes, 127);
    if (object == NULL) {
        return NULL;
    }
    struct pab_unicode *str = (struct pab_unicode *)object;
    pab_ssize filled = ascii_prefix(s, bytes);
    memcpy(pab_unicode_chars(str), s, (size_t)filled);
    if (filled == bytes) {
        return object;
    }
    for (s += filled; s < end;) {
        uint32_t character = decode_char(&s);
        if (character > pab_unicode_max_char(str)) {
            str = widen(str, filled, character);
            if (str == NULL) {
                return NULL;
            }
        }
        pab_unicode_put(str, filled++, character);
    }
    assert(s == end);
    return finish(str, filled);
}

static unsigned char *encode_char(unsigned char *out, uint32_t character)
{
    if (character < 0x80) {
        *out++ = (unsigned char)character;
    } else if (character < 0x800) {
        *out++ = (unsigned char)(0xc0 | character >> 6);
        *out++ = (unsigned char)(0x80 | (character & 0x3f));
    } else if (character < 0x10000) {
        *out++ = (unsigned char)(0xe0 | character >> 12);
        *out++ = (unsigned char)(0x80 | (character >> 6 & 0x3f));
        *out++ = (unsigned char)(0x80 | (character & 0x3f));
    } else {
        *out++ = (unsigned char)(0xf0 | character >> 18);
        *out++ = (unsigned char)(0x80 | (character >> 12 & 0x3f));
        *out++ = (unsigned char)(0x80 | (character >> 6 & 0x3f));
        *out++ = (unsigned char)(0x80 | (character & 0x3f));
    }
    return out;
}

static pab_ssize encode_all(struct pab_unicode *str, unsigned char *out)
{
    unsigned char *start = out;
    for (pab_ssize i = 0; i < str->length; i++) {
        out = encode_char(out, pab_unicode_get(str, i));
    }
    return out - start;
}

enum { ENCODER_ON_STACK = 512 };

/* Non-ASCII text is encoded into 512 bytes on the stack if it surely fits, else into a bytes
 * object of the worst length, which is then cut. */
struct pab_object *pab_unicode_encode(struct pab_object *object)
{
    assert(pab_is_unicode(object));
    struct pab_unicode *str = (struct pab_unicode *)object;
    if (str->ascii) {
        return pab_bytes_from_string(pab_unicode_chars(str), str->length);
    }
    pab_ssize worst;
    if (__builtin_mul_overflow(str->length, str->kind == 1 ? 2 : str->kind == 2 ? 3 : 4, &worst)) {
        return NULL;
    }
    if (worst <= ENCODER_ON_STACK) {
        unsigned char buffer[ENCODER_ON_STACK];
        pab_ssize size = encode_all(str, buffer);
        return pab_bytes_from_string((char *)buffer, size);
    }
    struct pab_object *bytes = pab_bytes_from_string(NULL, worst);
    if (bytes != NULL) {
        pab_ssize size = encode_all(str, (unsigned char *)pab_bytes_as_string(bytes));
        if (pab_bytes_resize(&bytes, size) != 0) {
            return NULL;
        }
    }
    return bytes;
}

struct pab_object *pab_bytes_decode(struct pab_object *bytes)
{
    return pab_unicode_from_utf8(pab_bytes_as_string(bytes), pab_bytes_size(bytes));
}
