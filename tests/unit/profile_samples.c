#include "tests/unit/profile_samples.h"

#include "workloads/trace/play.h"

#include <stdlib.h>
#include <string.h>

/* cmocka wants these first */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* --- what the trace says ---------------------------------------------------------------------- */

static void note_event(struct pab_sample *sample, uint32_t *by_slot, const struct pab_event *event)
{
    struct pab_made *block = &sample->blocks[by_slot[event->slot]];
    switch ((enum pab_event_kind)event->kind) {
    case PAB_EVENT_FREE:
        block->life = sample->count - 1 - block->born;
        break;
    case PAB_EVENT_REALLOC:
        block->last = (uint32_t)event->size;
        block->resizes++;
        block->how = PAB_PROFILE_RESIZED;
        break;
    default:
        assert_true(sample->count < PAB_SAMPLE_MAX);
        by_slot[event->slot] = sample->count;
        sample->blocks[sample->count] = (struct pab_made){
            .life = UINT64_MAX,
            .born = sample->count,
            .first = (uint32_t)event->size,
            .last = (uint32_t)event->size,
            .domain = event->domain == PAB_TRACE_LIBC ? PAB_DOMAIN_RAW : event->domain,
            .how = event->kind == PAB_EVENT_CALLOC ? PAB_PROFILE_CALLOC : PAB_PROFILE_MALLOC,
        };
        sample->count++;
        break;
    }
}

void pab_sample_path(const struct pab_profile *profile, char *out, size_t bytes)
{
    snprintf(out, bytes, "%s/%s.pabtrace", PAB_TRACES, profile->name);
}

void pab_sample_source(const struct pab_profile *profile, struct pab_sample *out)
{
    static struct pab_event events[4096];
    struct pab_trace_reader *reader = NULL;
    struct pab_error err;
    char path[1024];
    pab_sample_path(profile, path, sizeof(path));
    uint32_t *by_slot = calloc(PAB_SAMPLE_MAX, sizeof(*by_slot));
    assert_non_null(by_slot);
    out->count = 0;
    assert_int_equal(pab_trace_open(path, &reader, &err), PAB_OK);
    size_t count = 1;
    while (count > 0) {
        assert_int_equal(pab_trace_read(reader, events, ARRAY_COUNT(events), &count, &err), PAB_OK);
        for (size_t i = 0; i < count; i++) {
            note_event(out, by_slot, &events[i]);
        }
    }
    assert_true(pab_trace_ended(reader));
    pab_trace_close(reader);
    free(by_slot);
    for (uint32_t i = 0; i < out->count; i++) {
        struct pab_made *block = &out->blocks[i];
        block->life = block->life == UINT64_MAX ? out->count - 1 - block->born : block->life;
    }
}

uint32_t pab_sample_mean_live(const struct pab_sample *sample)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < sample->count; i++) {
        sum += sample->blocks[i].life;
    }
    return sample->count == 0 ? 0 : (uint32_t)(sum / sample->count);
}

/* --- what a run asks for ---------------------------------------------------------------------- */

/* A heap that notes each block; what it hands out begins behind the block's number. */
#define HEAD 16

static struct {
    struct pab_sample *sample;
    struct layer {
        uint8_t domain;
    } layers[PAB_DOMAIN_COUNT];
    uint64_t live_blocks;
    struct pab_sample_live live;
} noted;

static struct pab_made *block_at(void *ptr)
{
    uint32_t number;
    memcpy(&number, (char *)ptr - HEAD, sizeof(number));
    return &noted.sample->blocks[number];
}

static void *make(const struct layer *layer, size_t size, uint8_t how)
{
    uint32_t number = noted.sample->count++;
    assert_true(number < PAB_SAMPLE_MAX);
    noted.sample->blocks[number] = (struct pab_made){.life = UINT64_MAX,
                                                     .born = number,
                                                     .first = (uint32_t)size,
                                                     .last = (uint32_t)size,
                                                     .domain = layer->domain,
                                                     .how = how};
    noted.live_blocks++;
    char *raw = calloc(1, size + HEAD);
    assert_non_null(raw);
    memcpy(raw, &number, sizeof(number));
    return raw + HEAD;
}

static void *noting_malloc(void *ctx, size_t size)
{
    return make(ctx, size, PAB_PROFILE_MALLOC);
}

static void *noting_calloc(void *ctx, size_t count, size_t size)
{
    return make(ctx, count * size, PAB_PROFILE_CALLOC);
}

static void *noting_realloc(void *ctx, void *ptr, size_t size)
{
    struct pab_made *block = block_at(ptr);
    assert_int_equal(block->domain, ((const struct layer *)ctx)->domain);
    block->last = (uint32_t)size;
    block->resizes++;
    block->how = PAB_PROFILE_RESIZED;
    char *raw = realloc((char *)ptr - HEAD, size + HEAD);
    assert_non_null(raw);
    return raw + HEAD;
}

static void noting_free(void *ctx, void *ptr)
{
    struct pab_made *block = block_at(ptr);
    assert_int_equal(block->domain, ((const struct layer *)ctx)->domain);
    assert_int_equal(block->life, UINT64_MAX);
    block->life = noted.sample->count - 1 - block->born;
    noted.live_blocks--;
    free((char *)ptr - HEAD);
}

static struct pab_heap open_heap(struct pab_sample *out)
{
    struct pab_heap heap = {0};
    memset(&noted, 0, sizeof(noted));
    noted.sample = out;
    out->count = 0;
    for (int i = 0; i < PAB_DOMAIN_COUNT; i++) {
        noted.layers[i].domain = (uint8_t)i;
        heap.domain[i] = (struct pab_alloc){.ctx = &noted.layers[i],
                                            .malloc = noting_malloc,
                                            .calloc = noting_calloc,
                                            .realloc = noting_realloc,
                                            .free = noting_free};
    }
    return heap;
}

static void note_phase(struct pab_run *run, enum pab_phase phase)
{
    (void)run;
    noted.live.blocks[phase] = noted.live_blocks;
}

struct pab_sample_live pab_sample_run(unsigned program, uint32_t live, struct pab_sample *out)
{
    struct pab_error err;
    struct pab_inputs inputs;
    struct pab_heap heap = open_heap(out);
    uint64_t params[] = {program, live, PAB_SAMPLE_STEPS};
    struct pab_run run = {
        .heap = &heap, .inputs = &inputs, .seed = 1, .params = params, .on_phase = note_phase};
    const struct pab_workload *workload = pab_workload_find("profiles");
    assert_non_null(workload);
    assert_int_equal(pab_inputs_init(&inputs, (size_t)1 << 30, &err), PAB_OK);
    assert_int_equal(workload->setup(&run, &err), PAB_OK);
    workload->body(&run);
    assert_int_equal(noted.live_blocks, 0);
    assert_true(out->count > PAB_SAMPLE_STEPS);
    out->count = PAB_SAMPLE_STEPS;
    pab_inputs_fini(&inputs);
    return noted.live;
}

void pab_sample_table(const struct pab_profile *table, uint32_t live, struct pab_sample *out)
{
    struct pab_error err;
    struct pab_inputs inputs;
    struct pab_profile_requests requests;
    struct pab_heap heap = open_heap(out);
    struct pab_profile_wish wish = {
        .profiles = table, .profile_count = 1, .live = live, .steps = PAB_SAMPLE_STEPS, .seed = 1};
    static void *blocks[1u << 20];
    struct pab_play play = {.blocks = blocks, .mask = ARRAY_COUNT(blocks) - 1};
    memcpy(play.tables, heap.domain, sizeof(play.tables));
    assert_int_equal(pab_inputs_init(&inputs, (size_t)1 << 30, &err), PAB_OK);
    assert_int_equal(pab_profile_draw(&wish, &inputs, &requests, &err), PAB_OK);
    assert_true(requests.slots <= ARRAY_COUNT(blocks));
    pab_play(&play, requests.words, requests.words + requests.count);
    assert_int_equal(noted.live_blocks, 0);
    out->count = PAB_SAMPLE_STEPS;
    pab_inputs_fini(&inputs);
}
