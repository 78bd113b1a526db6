/* workloads/capi/methods.h -- methods that the C API has no function for. Internal to this folder.
 * Depends on pyobj.h.
 *
 * They are looked up once, and called by vectorcall, so that a call asks for no memory itself.
 */
#ifndef PAB_WORKLOADS_CAPI_METHODS_H
#define PAB_WORKLOADS_CAPI_METHODS_H

#include "workloads/pyobj/pyobj.h"

enum pab_method {
    PAB_METHOD_LIST_POP,
    PAB_METHOD_LIST_CLEAR,
    PAB_METHOD_STR_LOWER,
    PAB_METHOD_BYTEARRAY_APPEND,
    PAB_METHOD_SET_COPY,
    PAB_METHOD_FROZENSET_COPY,
    PAB_METHOD_GC_COLLECT,
    PAB_METHOD_GC_FREEZE,
    PAB_METHOD_GC_UNFREEZE,
    PAB_METHOD_COUNT,
};

/* False: one is missing. */
bool pab_methods_find(void);
/* In generator.c. False: the function could not be made. */
bool pab_generators_prepare(void);

/* method(self) or method(self, argument); `self` NULL for a function of a module. A new reference,
 * or NULL with the exception cleared. */
struct pab_object *pab_method_call(enum pab_method method, struct pab_object *self,
                                   struct pab_object *argument);

/* An int that lives in static memory until the next call: an argument that asks for nothing. */
struct pab_object *pab_index_argument(pab_ssize value);

#endif
