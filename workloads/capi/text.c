/* workloads/capi/text.c -- str, bytes, bytearray. */
#include "workloads/capi/methods.h"

#include <Python.h>

static PyObject *of(struct pab_object *object)
{
    return (PyObject *)object;
}

static struct pab_object *to(PyObject *object)
{
    return (struct pab_object *)object;
}

/* --- str -------------------------------------------------------------------------------------- */

struct pab_object *pab_unicode_new(pab_ssize length, uint32_t maxchar)
{
    return to(PyUnicode_New(length, maxchar));
}

struct pab_object *pab_unicode_from_utf8(const char *text, pab_ssize bytes)
{
    return to(PyUnicode_DecodeUTF8(text, bytes, NULL));
}

struct pab_object *pab_unicode_from_ascii(const char *text, pab_ssize length)
{
    return to(PyUnicode_DecodeUTF8(text, length, NULL));
}

pab_ssize pab_unicode_length(struct pab_object *str)
{
    return PyUnicode_GET_LENGTH(of(str));
}

uint32_t pab_unicode_read_char(struct pab_object *str, pab_ssize index)
{
    return PyUnicode_READ_CHAR(of(str), index);
}

const void *pab_unicode_data(struct pab_object *str)
{
    return PyUnicode_DATA(of(str));
}

struct pab_object *pab_unicode_concat(struct pab_object *a, struct pab_object *b)
{
    return to(PyUnicode_Concat(of(a), of(b)));
}

int pab_unicode_append(struct pab_object **left, struct pab_object *right)
{
    PyObject *str = of(*left);
    PyUnicode_Append(&str, of(right));
    *left = to(str);
    return str == NULL ? -1 : 0;
}

struct pab_object *pab_unicode_substring(struct pab_object *str, pab_ssize start, pab_ssize end)
{
    return to(PyUnicode_Substring(of(str), start, end));
}

struct pab_object *pab_unicode_join(struct pab_object *separator, struct pab_object *list)
{
    return to(PyUnicode_Join(of(separator), of(list)));
}

/* A str of one character in static memory until the next call. Those below 256 the interpreter
 * has itself. */
static PyObject *character_argument(uint32_t character)
{
    static struct {
        PyCompactUnicodeObject head;
        Py_UCS4 text[2];
    } str;
    if (character < 256) {
        PyObject *shared = PyUnicode_FromOrdinal((int)character);
        Py_DECREF(shared); /* it is never the last reference */
        return shared;
    }
    memset(&str, 0, sizeof(str));
    PyASCIIObject *ascii = &str.head._base;
    Py_SET_REFCNT((PyObject *)ascii, 1000);
    Py_SET_TYPE((PyObject *)ascii, &PyUnicode_Type);
    ascii->length = 1;
    ascii->hash = -1;
    ascii->state.compact = 1;
    ascii->state.ready = 1;
    ascii->state.kind = character < 0x10000 ? PyUnicode_2BYTE_KIND : PyUnicode_4BYTE_KIND;
    void *text = str.text;
    PyUnicode_WRITE((int)ascii->state.kind, text, 0, character);
    return (PyObject *)ascii;
}

struct pab_object *pab_unicode_split(struct pab_object *str, uint32_t separator)
{
    return to(PyUnicode_Split(of(str), character_argument(separator), -1));
}

struct pab_object *pab_unicode_replace(struct pab_object *str, struct pab_object *from,
                                       struct pab_object *with)
{
    return to(PyUnicode_Replace(of(str), of(from), of(with), -1));
}

struct pab_object *pab_unicode_lower(struct pab_object *str)
{
    return pab_method_call(PAB_METHOD_STR_LOWER, str, NULL);
}

struct pab_object *pab_unicode_repeat(struct pab_object *str, pab_ssize count)
{
    return to(PySequence_Repeat(of(str), count));
}

pab_ssize pab_unicode_find(struct pab_object *str, struct pab_object *part)
{
    return PyUnicode_Find(of(str), of(part), 0, PY_SSIZE_T_MAX, 1);
}

int pab_unicode_intern_in_place(struct pab_object **str)
{
    PyObject *name = of(*str);
    PyUnicode_InternInPlace(&name);
    *str = to(name);
    return 0;
}

/* --- bytes ------------------------------------------------------------------------------------ */

struct pab_object *pab_bytes_from_string(const char *data, pab_ssize size)
{
    return to(PyBytes_FromStringAndSize(data, size));
}

pab_ssize pab_bytes_size(struct pab_object *bytes)
{
    return PyBytes_GET_SIZE(of(bytes));
}

char *pab_bytes_as_string(struct pab_object *bytes)
{
    return PyBytes_AS_STRING(of(bytes));
}

struct pab_object *pab_bytes_concat(struct pab_object *a, struct pab_object *b)
{
    return to(PySequence_Concat(of(a), of(b)));
}

struct pab_object *pab_unicode_encode(struct pab_object *str)
{
    return to(PyUnicode_AsUTF8String(of(str)));
}

struct pab_object *pab_bytes_decode(struct pab_object *bytes)
{
    return to(
        PyUnicode_DecodeUTF8(PyBytes_AS_STRING(of(bytes)), PyBytes_GET_SIZE(of(bytes)), NULL));
}

/* --- bytearray -------------------------------------------------------------------------------- */

struct pab_object *pab_bytearray_from_string(const char *data, pab_ssize size)
{
    return to(PyByteArray_FromStringAndSize(data, size));
}

pab_ssize pab_bytearray_size(struct pab_object *bytearray)
{
    return PyByteArray_GET_SIZE(of(bytearray));
}

char *pab_bytearray_as_string(struct pab_object *bytearray)
{
    return PyByteArray_AS_STRING(of(bytearray));
}

int pab_bytearray_resize(struct pab_object *bytearray, pab_ssize size)
{
    return PyByteArray_Resize(of(bytearray), size);
}

/* Methods give None, which is never the last reference. */
static int status_of(struct pab_object *none)
{
    pab_xdecref(none);
    return none == NULL ? -1 : 0;
}

int pab_bytearray_append(struct pab_object *bytearray, uint8_t byte)
{
    return status_of(
        pab_method_call(PAB_METHOD_BYTEARRAY_APPEND, bytearray, pab_index_argument(byte)));
}

int pab_bytearray_extend(struct pab_object *bytearray, struct pab_object *more)
{
    return status_of(to(PySequence_InPlaceConcat(of(bytearray), of(more))));
}

struct pab_object *pab_bytearray_concat(struct pab_object *a, struct pab_object *b)
{
    return to(PyByteArray_Concat(of(a), of(b)));
}
