/* tests/fuzz/fuzz_model.c -- libFuzzer: any bytes are calls, made on the built-in pymalloc in this
 * process and held to the model. Ends the process where a statement does not hold. */
#include "allocators/spec.h"
#include "tests/conformance/model/interpret.h"

#define CALLS_MOST 4096u

/* The name is libFuzzer's. NOLINTNEXTLINE(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
    struct pab_spec *spec;
    struct model_shadow shadow;
    struct model_world world;
    struct model_outcome outcome;
    struct model_op ops[CALLS_MOST];
} fuzz;

/* The smallest arenas: of two pools, so that they come and go within a few hundred calls. */
static void open_once(void)
{
    struct pab_error err;
    if (fuzz.spec == NULL) {
        PAB_CHECK(pab_spec_parse("pymalloc:pool=4K:arena=8K+system", &fuzz.spec, &err) == PAB_OK);
        PAB_CHECK(pab_model_shadow_open(&fuzz.shadow, false));
    }
}

/* NOLINTNEXTLINE(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pab_heap heap;
    struct pab_error err;
    struct pab_subject subject;
    open_once();
    PAB_CHECK(pab_heap_open(&heap, fuzz.spec, &err) == PAB_OK);
    pab_subject_init(&subject, &heap);
    fuzz.outcome = (struct model_outcome){0};
    PAB_CHECK(pab_model_world_open(&fuzz.world, &subject, &fuzz.shadow, &fuzz.outcome, 16));
    size_t count = pab_model_trace_of_bytes(data, size, fuzz.ops, CALLS_MOST);
    bool holds = pab_model_do(&fuzz.world, fuzz.ops, count) && pab_model_empty(&fuzz.world) &&
                 pab_model_settle(&fuzz.world);
    if (!holds) {
        fprintf(stderr, "%s: %s\n", fuzz.outcome.statement, fuzz.outcome.text);
        abort();
    }
    pab_model_world_close(&fuzz.world);
    pab_heap_close(&heap);
    return 0;
}
