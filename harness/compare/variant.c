#include "harness/compare/reading.h"

const json_t *pab_variant_for(const json_t *workload, const json_t *backend)
{
    const json_t *gc = json_object_get(backend, "gc");
    const json_t *own = json_object_get(workload, "gc");
    if (gc == NULL || own == NULL || json_equal(gc, own)) {
        return workload;
    }
    size_t index = 0;
    json_t *variant = NULL;
    json_array_foreach(json_object_get(workload, "variants"), index, variant)
    {
        if (json_equal(json_object_get(variant, "gc"), gc)) {
            return variant;
        }
    }
    return NULL;
}
