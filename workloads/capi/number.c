/* workloads/capi/number.c -- int and float. */
#include "workloads/pyobj/pyobj.h"

#include <Python.h>

static PyObject *of(struct pab_object *object)
{
    return (PyObject *)object;
}

static struct pab_object *to(PyObject *object)
{
    return (struct pab_object *)object;
}

struct pab_object *pab_long_from_int64(int64_t value)
{
    return to(PyLong_FromLongLong(value));
}

int64_t pab_long_as_int64(struct pab_object *object)
{
    return (int64_t)PyLong_AsUnsignedLongLongMask(of(object));
}

struct pab_object *pab_long_add(struct pab_object *a, struct pab_object *b)
{
    return to(PyNumber_Add(of(a), of(b)));
}

struct pab_object *pab_long_subtract(struct pab_object *a, struct pab_object *b)
{
    return to(PyNumber_Subtract(of(a), of(b)));
}

struct pab_object *pab_long_multiply(struct pab_object *a, struct pab_object *b)
{
    return to(PyNumber_Multiply(of(a), of(b)));
}

struct pab_object *pab_long_floor_divide(struct pab_object *a, struct pab_object *b)
{
    return to(PyNumber_FloorDivide(of(a), of(b)));
}

struct pab_object *pab_long_remainder(struct pab_object *a, struct pab_object *b)
{
    return to(PyNumber_Remainder(of(a), of(b)));
}

struct pab_object *pab_long_negative(struct pab_object *a)
{
    return to(PyNumber_Negative(of(a)));
}

struct pab_object *pab_long_lshift(struct pab_object *a, struct pab_object *bits)
{
    return to(PyNumber_Lshift(of(a), of(bits)));
}

struct pab_object *pab_long_rshift(struct pab_object *a, struct pab_object *bits)
{
    return to(PyNumber_Rshift(of(a), of(bits)));
}

struct pab_object *pab_long_and(struct pab_object *a, struct pab_object *b)
{
    return to(PyNumber_And(of(a), of(b)));
}

struct pab_object *pab_long_or(struct pab_object *a, struct pab_object *b)
{
    return to(PyNumber_Or(of(a), of(b)));
}

struct pab_object *pab_long_xor(struct pab_object *a, struct pab_object *b)
{
    return to(PyNumber_Xor(of(a), of(b)));
}

struct pab_object *pab_long_from_text(const char *text)
{
    return to(PyLong_FromString(text, NULL, 10));
}

struct pab_object *pab_float_from_double(double value)
{
    return to(PyFloat_FromDouble(value));
}

double pab_float_as_double(struct pab_object *object)
{
    return PyFloat_AS_DOUBLE(of(object));
}
