#include "allocators/backend.h"

#include <string.h>

#define PAB_BACKEND(id) extern const struct pab_backend pab_backend_##id;
#include "pab_backends.inc"
#undef PAB_BACKEND

static const struct pab_backend *const backends[] = {
#define PAB_BACKEND(id) &pab_backend_##id,
#include "pab_backends.inc"
#undef PAB_BACKEND
};

size_t pab_backend_count(void)
{
    return ARRAY_COUNT(backends);
}

const struct pab_backend *pab_backend_at(size_t index)
{
    const struct pab_backend *backend = backends[index];
    PAB_CHECK(backend->contract == PAB_BACKEND_CONTRACT);
    PAB_CHECK(backend->open != NULL && backend->probe != NULL);
    return backend;
}

const struct pab_backend *pab_backend_find(const char *name)
{
    for (size_t i = 0; i < pab_backend_count(); i++) {
        if (strcmp(pab_backend_at(i)->name, name) == 0) {
            return pab_backend_at(i);
        }
    }
    return NULL;
}
