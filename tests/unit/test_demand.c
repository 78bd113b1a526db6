/* The demand pass refuses a body that outgrows the machine, before the machine is full. The room
 * that is left, what is mapped and what a worker says are the test's (--wrap). */
#include "harness/pass.h"
#include "harness/room.h"

#include <stdlib.h>
#include <string.h>

/* cmocka wants these first */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define MIB    ((uint64_t)1 << 20)
#define BLOCKS 600u
#define ROOM   (512 * MIB)
#define MANY   UINT64_C(200000)

static struct {
    uint64_t taken; /* bytes of blocks that are alive */
    uint64_t maps;  /* still granted */
    bool told, refused;
    char kind[PAB_NAME_MAX], text[512];
    jmp_buf back;
} seen;

/* What `--wrap` makes of a function: calls of it arrive here, and from here at it. */
#define SYMBOL(name) __asm__(#name)
uint64_t wrapped_room_left(void) SYMBOL(__wrap_pab_room_left_bytes);
void *real_map(size_t bytes) SYMBOL(__real_pab_pages_map);
void *wrapped_map(size_t bytes) SYMBOL(__wrap_pab_pages_map);
_Noreturn void wrapped_refuse(const char *kind, const struct pab_error *err)
    SYMBOL(__wrap_pab_worker_refuse);
void wrapped_send(enum pab_message_type type, const void *payload, size_t bytes)
    SYMBOL(__wrap_pab_worker_send);

uint64_t wrapped_room_left(void)
{
    return seen.taken < ROOM ? ROOM - seen.taken : 0;
}

void *wrapped_map(size_t bytes)
{
    if (seen.maps == 0) {
        return NULL;
    }
    seen.maps--;
    return real_map(bytes);
}

_Noreturn void wrapped_refuse(const char *kind, const struct pab_error *err)
{
    seen.refused = true;
    snprintf(seen.kind, sizeof(seen.kind), "%s", kind);
    snprintf(seen.text, sizeof(seen.text), "%s", err->text);
    longjmp(seen.back, 1);
}

void wrapped_send(enum pab_message_type type, const void *payload, size_t bytes)
{
    (void)payload;
    (void)bytes;
    seen.told = seen.told || type == PAB_MESSAGE_DEMAND;
}

/* --- a heap of one small block, whatever the size --------------------------------------------- */

static uintptr_t next_block;

static void *claim(void *ctx, size_t size)
{
    (void)ctx;
    seen.taken += size;
    next_block += 16;
    return (void *)next_block; /* nobody writes to it */
}

static void *claim_zeroed(void *ctx, size_t count, size_t size)
{
    return claim(ctx, count * size);
}

static void *claim_anew(void *ctx, void *ptr, size_t size)
{
    (void)ptr;
    return claim(ctx, size);
}

static void disclaim(void *ctx, void *ptr)
{
    (void)ctx;
    (void)ptr;
}

static uint64_t block_count, block_bytes;

static void take_blocks(struct pab_run *run)
{
    const struct pab_alloc *obj = &run->heap->domain[PAB_DOMAIN_OBJ];
    for (uint64_t i = 0; i < block_count; i++) {
        assert_non_null(obj->malloc(obj->ctx, block_bytes));
    }
}

static void measure(uint64_t count, uint64_t bytes, uint64_t maps)
{
    static const struct pab_workload workload = {.name = "taker", .body = take_blocks};
    struct pab_heap heap = {0};
    struct pab_run run = {.heap = &heap};
    memset(&seen, 0, sizeof(seen));
    seen.maps = maps;
    next_block = 0;
    block_count = count;
    block_bytes = bytes;
    for (int i = 0; i < PAB_DOMAIN_COUNT; i++) {
        heap.domain[i] = (struct pab_alloc){
            .malloc = claim, .calloc = claim_zeroed, .realloc = claim_anew, .free = disclaim};
    }
    if (setjmp(seen.back) == 0) {
        pab_measure_demand(&workload, &run);
    }
}

/* --- the tests -------------------------------------------------------------------------------- */

static void what_fits_is_told(void **state)
{
    (void)state;
    measure(BLOCKS, ROOM / 8 * 7 / BLOCKS, UINT64_MAX);
    assert_false(seen.refused);
    assert_true(seen.told);
}

/* An eighth of what was free stays free, but for the calls between two looks. */
static void what_outgrows_the_room_is_refused(void **state)
{
    (void)state;
    measure(BLOCKS, MIB, UINT64_MAX);
    assert_true(seen.refused);
    assert_false(seen.told);
    assert_string_equal(seen.kind, "oom");
    assert_non_null(strstr(seen.text, "0.5 GiB is all"));
    assert_non_null(strstr(seen.text, "-p"));
    assert_in_range(seen.taken, ROOM / 8 * 7, ROOM / 8 * 7 + 33 * MIB);
}

/* Small things are nobody's concern, however little is left. */
static void little_is_not_refused(void **state)
{
    (void)state;
    measure(16, ROOM / 32, UINT64_MAX);
    assert_false(seen.refused);
}

/* What counts the blocks needs memory, too. */
static void what_cannot_be_counted_is_refused(void **state)
{
    (void)state;
    measure(MANY, 16, 2);
    assert_true(seen.refused);
    assert_string_equal(seen.kind, "oom");
    assert_true(seen.taken < MANY * 16);
    measure(MANY, 16, UINT64_MAX);
    assert_false(seen.refused);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_fits_is_told),
        cmocka_unit_test(what_outgrows_the_room_is_refused),
        cmocka_unit_test(little_is_not_refused),
        cmocka_unit_test(what_cannot_be_counted_is_refused),
    };
    return cmocka_run_group_tests_name("demand", tests, NULL, NULL);
}
