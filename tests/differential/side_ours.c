#include "tests/differential/side.h"

#include "allocators/spec.h"

const char *side_name(void)
{
    return "ours";
}

enum pab_status side_tables(struct pab_alloc *out, struct pab_error *err)
{
    static struct pab_heap heap;
    struct pab_spec *spec = NULL;
    enum pab_status status = pab_spec_parse("system", &spec, err);
    if (status == PAB_OK) {
        status = pab_heap_open(&heap, spec, err);
        pab_spec_destroy(spec);
    }
    for (int i = 0; status == PAB_OK && i < PAB_DOMAIN_COUNT; i++) {
        out[i] = heap.domain[i];
    }
    return status;
}
