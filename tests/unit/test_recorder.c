/* The reading side of `record`: names of blocks against a plain model, rings full of nonsense. */
#include "harness/recorder/addresses.h"
#include "harness/recorder/tape.h"
#include "workloads/support/rng.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PLACES 4096u

/* A place stands for an address; some lie close together, some far apart. */
static uint64_t address_of(uint32_t place)
{
    return ((uint64_t)(place / 512) << 33) + (uint64_t)place % 512 * 8 * (1 + place / 512 * 40);
}

struct model {
    bool live[PLACES];
    struct pab_named blocks[PLACES];
};

static void churn(struct pab_addresses *names, struct model *model, uint64_t seed)
{
    struct pab_rng rng;
    pab_rng_seed(&rng, seed);
    for (uint32_t i = 0; i < 20000; i++) {
        uint32_t place = pab_rng_below(&rng, PLACES);
        struct pab_named found = {0};
        bool live = pab_addresses_take(names, address_of(place), &found);
        assert_int_equal(live, model->live[place]);
        if (live) {
            assert_int_equal(found.slot, model->blocks[place].slot);
            assert_int_equal(found.domain, model->blocks[place].domain);
            assert_int_equal(pab_addresses_size(names, found.slot), model->blocks[place].size);
        } else {
            struct pab_named made = {.size = i, .slot = place * 7, .domain = (uint8_t)(i % 4)};
            model->blocks[place] = made;
            assert_true(pab_addresses_add(names, address_of(place), &made));
        }
        model->live[place] = !live;
    }
}

struct renumbering {
    uint32_t next;
    uint64_t bytes;
};

static bool renumber_one(void *arg, struct pab_named *block)
{
    struct renumbering *state = arg;
    state->bytes += block->size;
    block->slot = state->next++;
    return true;
}

static void test_addresses(void **state)
{
    (void)state;
    static struct model parent_model, child_model;
    struct pab_addresses parent, child;
    assert_true(pab_addresses_init(&parent));
    churn(&parent, &parent_model, 1);
    assert_true(pab_addresses_copy(&parent, &child));
    child_model = parent_model;
    churn(&parent, &parent_model, 2); /* neither sees what the other does */
    churn(&child, &child_model, 3);
    churn(&parent, &parent_model, 4);
    uint64_t bytes = 0, live = 0;
    for (uint32_t place = 0; place < PLACES; place++) {
        bytes += child_model.live[place] ? child_model.blocks[place].size : 0;
        live += child_model.live[place];
    }
    struct renumbering renumbering = {0};
    assert_true(pab_addresses_renumber(&child, renumber_one, &renumbering));
    assert_int_equal(renumbering.next, live);
    assert_int_equal(renumbering.bytes, bytes);
    assert_int_equal(child.live, live);
    pab_addresses_fini(&parent);
    pab_addresses_fini(&child);
}

/* --- a ring that the program wrote over ------------------------------------------------------- */

static char trace_path[] = "/tmp/pab-recorder-XXXXXX";

static void ignore_fork(struct pab_tape *tape, uint32_t number, void *arg)
{
    (void)tape, (void)number, (void)arg;
}

static enum pab_status open_trace(struct pab_tape *tape, void *arg, struct pab_error *err)
{
    (void)arg;
    return pab_trace_create(trace_path, "{}", &tape->writer, err);
}

/* Few addresses and threads, so that events meet; any event, any size. */
static void fill(struct pab_ring *ring, struct pab_rng *rng, uint64_t count, uint32_t kinds)
{
    struct pab_ring_slot *slots = (struct pab_ring_slot *)((char *)ring + PAB_RING_OFFSET);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t address = (uint64_t)pab_rng_below(rng, 64) * 8 << pab_rng_below(rng, 40);
        uint64_t event = pab_rng_below(rng, kinds);
        uint64_t domain = pab_rng_below(rng, 4);
        uint64_t thread = pab_rng_below(rng, 100) == 0 ? 65535 : pab_rng_below(rng, 3);
        uint64_t size = pab_rng_next(rng) >> pab_rng_below(rng, 64);
        slots[i].second = (size & PAB_RING_ADDRESS) | thread << 48;
        slots[i].first =
            (address & PAB_RING_ADDRESS) | event << 48 | domain << 52 | pab_ring_lap(i) << 56;
    }
    ring->head = count;
}

static uint64_t events_in_trace(void)
{
    static struct pab_event events[4096];
    struct pab_trace_reader *reader = NULL;
    struct pab_error err;
    uint64_t sum = 0;
    size_t count = 0;
    assert_int_equal(pab_trace_open(trace_path, &reader, &err), PAB_OK);
    do {
        assert_int_equal(pab_trace_read(reader, events, 4096, &count, &err), PAB_OK);
        sum += count;
    } while (count > 0);
    pab_trace_close(reader);
    return sum;
}

static void read_nonsense(uint64_t seed, uint32_t kinds, enum pab_status expected)
{
    int fd = memfd_create("ring", MFD_CLOEXEC);
    assert_int_equal(ftruncate(fd, (off_t)PAB_RING_BYTES), 0);
    struct pab_tape tape = {.on_fork = ignore_fork, .on_first = open_trace};
    struct pab_error err;
    struct pab_rng rng;
    size_t count = 0;
    pab_rng_seed(&rng, seed);
    assert_int_equal(pab_tape_open(&tape, fd, &err), PAB_OK);
    close(fd);
    assert_true(pab_addresses_init(&tape.names));
    fill(tape.ring, &rng, 50000, kinds);
    assert_int_equal(pab_tape_read(&tape, true, PAB_RING_SLOTS, &count, &err), expected);
    assert_int_equal(pab_trace_finish(tape.writer, "{}", &err), PAB_OK);
    assert_int_equal(events_in_trace(), tape.counts.events);
    if (expected == PAB_OK) {
        assert_int_equal(count, 50000);
        assert_true(tape.counts.events > 1000);
    }
    pab_tape_close(&tape);
}

static void test_nonsense(void **state)
{
    (void)state;
    int fd = mkstemp(trace_path);
    close(fd);
    for (uint64_t seed = 1; seed <= 10; seed++) {
        read_nonsense(seed, PAB_RING_EVENTS, PAB_OK);
    }
    read_nonsense(11, 16, PAB_BAD_DATA); /* events that do not exist */
    unlink(trace_path);
}

static void test_no_ring(void **state)
{
    (void)state;
    int fd = memfd_create("ring", MFD_CLOEXEC);
    struct pab_tape tape = {0};
    struct pab_error err;
    assert_int_equal(pab_tape_open(&tape, fd, &err), PAB_BAD_DATA);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_nonsense),
        cmocka_unit_test(test_no_ring),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
