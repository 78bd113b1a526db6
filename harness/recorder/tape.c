#include "harness/recorder/tape.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define AHEAD     12u   /* events between the first look at an address and its turn */
#define TAIL_STEP 4096u /* events between two reports to the program of what was read */

struct pab_tape_move {
    bool open;
    bool known; /* a block of ours was there */
    uint64_t address, size;
    struct pab_named block;
};

/* One place, taken apart. */
struct note {
    enum pab_ring_event event;
    uint8_t domain;
    uint16_t thread;
    uint64_t address, size;
};

static enum pab_status no_memory(struct pab_error *err)
{
    return pab_fail(err, PAB_NO_MEMORY, "no memory for the names of the program's blocks");
}

enum pab_status pab_tape_open(struct pab_tape *tape, int fd, struct pab_error *err)
{
    struct stat status;
    if (fstat(fd, &status) != 0 || (uint64_t)status.st_size != PAB_RING_BYTES) {
        return pab_fail(err, PAB_BAD_DATA, "a process left no ring but %jd bytes",
                        (intmax_t)status.st_size);
    }
    void *start = mmap(NULL, PAB_RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (start == MAP_FAILED) {
        return pab_fail(err, PAB_IO, "cannot map a ring: %s", strerror(errno));
    }
    tape->ring = start;
    tape->tail = 0;
    return PAB_OK;
}

void pab_tape_close(struct pab_tape *tape)
{
    if (tape->ring != NULL) {
        atomic_store(&tape->ring->reader_gone, 1);
        munmap(tape->ring, PAB_RING_BYTES);
        tape->ring = NULL;
    }
    pab_addresses_fini(&tape->names);
    free(tape->moves);
    tape->moves = NULL;
}

/* --- into the trace --------------------------------------------------------------------------- */

static enum pab_status put(struct pab_tape *tape, struct pab_event *event, struct pab_error *err)
{
    enum pab_status status = pab_trace_put(tape->writer, event, err);
    tape->counts.events += status == PAB_OK;
    return status;
}

static enum pab_status put_free(struct pab_tape *tape, const struct note *note,
                                const struct pab_named *block, struct pab_error *err)
{
    struct pab_event event = {
        .kind = PAB_EVENT_FREE,
        .domain = block->domain,
        .thread = note->thread,
        .slot = block->slot,
    };
    return put(tape, &event, err);
}

/* From now on the block is known by this address. What was there before must have been freed, in a
 * way that we do not see. */
static enum pab_status add(struct pab_tape *tape, const struct note *note,
                           const struct pab_named *block, struct pab_error *err)
{
    return pab_addresses_add(&tape->names, note->address, block) ? PAB_OK : no_memory(err);
}

static enum pab_status clear(struct pab_tape *tape, const struct note *note, struct pab_error *err)
{
    struct pab_named before;
    if (!pab_addresses_take(&tape->names, note->address, &before)) {
        return PAB_OK;
    }
    tape->counts.missed_frees++;
    return put_free(tape, note, &before, err);
}

static enum pab_status make(struct pab_tape *tape, const struct note *note, struct pab_error *err)
{
    static const uint8_t kinds[] = {
        [PAB_RING_MALLOC] = PAB_EVENT_MALLOC,
        [PAB_RING_CALLOC] = PAB_EVENT_CALLOC,
        [PAB_RING_ALIGNED] = PAB_EVENT_ALIGNED,
        [PAB_RING_MOVED] = PAB_EVENT_MALLOC, /* of a block that was not known: new to us */
    };
    struct pab_event event = {
        .kind = kinds[note->event],
        .domain = note->domain,
        .thread = note->thread,
        .size = note->size < PAB_TRACE_SIZE_MAX ? note->size : PAB_TRACE_SIZE_MAX,
    };
    if (note->event == PAB_RING_ALIGNED) {
        uint64_t log2 = note->size >> 42;
        event.align_log2 =
            (uint8_t)(log2 < PAB_TRACE_ALIGN_LOG2_MAX ? log2 : PAB_TRACE_ALIGN_LOG2_MAX);
        event.size = note->size & PAB_RING_ALIGNED_SIZE;
    }
    enum pab_status status = clear(tape, note, err);
    if (status == PAB_OK) {
        status = put(tape, &event, err);
    }
    struct pab_named block = {event.size, event.slot, event.domain};
    return status == PAB_OK ? add(tape, note, &block, err) : status;
}

static enum pab_status give_back(struct pab_tape *tape, const struct note *note,
                                 struct pab_error *err)
{
    struct pab_named block;
    if (!pab_addresses_take(&tape->names, note->address, &block)) {
        tape->counts.unknown_frees++;
        return PAB_OK;
    }
    return put_free(tape, note, &block, err);
}

/* --- realloc ---------------------------------------------------------------------------------- */

static struct pab_tape_move *move_of(struct pab_tape *tape, uint16_t thread)
{
    if (thread >= tape->move_count) {
        size_t count = 2 * (size_t)thread + 16;
        struct pab_tape_move *grown = realloc(tape->moves, count * sizeof(*grown));
        if (grown == NULL) {
            return NULL;
        }
        memset(grown + tape->move_count, 0, (count - tape->move_count) * sizeof(*grown));
        tape->moves = grown;
        tape->move_count = count;
    }
    return &tape->moves[thread];
}

static enum pab_status begin_move(struct pab_tape *tape, const struct note *note,
                                  struct pab_error *err)
{
    struct pab_tape_move *move = move_of(tape, note->thread);
    if (move == NULL) {
        return no_memory(err);
    }
    *move = (struct pab_tape_move){.open = true, .address = note->address, .size = note->size};
    move->known = pab_addresses_take(&tape->names, note->address, &move->block);
    if (move->known) {
        move->block.size = pab_addresses_size(&tape->names, move->block.slot);
    }
    tape->counts.unknown_frees += !move->known;
    return PAB_OK;
}

static enum pab_status end_move(struct pab_tape *tape, struct note *note, struct pab_error *err)
{
    struct pab_tape_move *move = move_of(tape, note->thread);
    if (move == NULL) {
        return no_memory(err);
    }
    bool known = move->open && move->known;
    move->open = false;
    if (note->event == PAB_RING_KEPT) {
        tape->counts.refused++;
        note->address = move->address;
        return known ? add(tape, note, &move->block, err) : PAB_OK;
    }
    if (note->address == 0) {
        return known ? put_free(tape, note, &move->block, err) : PAB_OK;
    }
    if (!known) {
        return make(tape, note, err);
    }
    struct pab_named *block = &move->block;
    block->size = move->size < PAB_TRACE_SIZE_MAX ? move->size : PAB_TRACE_SIZE_MAX;
    struct pab_event event = {
        .kind = PAB_EVENT_REALLOC,
        .domain = block->domain,
        .thread = note->thread,
        .slot = block->slot,
        .size = block->size,
    };
    enum pab_status status = clear(tape, note, err);
    if (status == PAB_OK) {
        status = put(tape, &event, err);
    }
    return status == PAB_OK ? add(tape, note, block, err) : status;
}

/* --- what a child has of its parent ----------------------------------------------------------- */

struct inheritance {
    struct pab_tape *tape;
    struct pab_error *err;
    enum pab_status status;
};

static bool inherit_block(void *arg, struct pab_named *block)
{
    struct inheritance *inheritance = arg;
    struct pab_event event = {
        .kind = PAB_EVENT_INHERIT,
        .domain = block->domain,
        .size = block->size,
    };
    inheritance->status = put(inheritance->tape, &event, inheritance->err);
    block->slot = event.slot;
    inheritance->tape->counts.inherited++;
    return inheritance->status == PAB_OK;
}

static enum pab_status inherit(struct pab_tape *tape, struct pab_error *err)
{
    struct inheritance inheritance = {tape, err, PAB_OK};
    bool good = pab_addresses_renumber(&tape->names, inherit_block, &inheritance);
    return good ? PAB_OK : inheritance.status != PAB_OK ? inheritance.status : no_memory(err);
}

static enum pab_status begin(struct pab_tape *tape, struct pab_error *err)
{
    enum pab_status status = tape->on_first(tape, tape->arg, err);
    return status == PAB_OK && tape->inherits ? inherit(tape, err) : status;
}

/* --- the ring --------------------------------------------------------------------------------- */

static enum pab_status take_note(struct pab_tape *tape, struct note *note, struct pab_error *err)
{
    switch (note->event) {
    case PAB_RING_MALLOC:
    case PAB_RING_CALLOC:
    case PAB_RING_ALIGNED:
        return make(tape, note, err);
    case PAB_RING_FREE:
        return give_back(tape, note, err);
    case PAB_RING_MOVE:
        return begin_move(tape, note, err);
    case PAB_RING_MOVED:
    case PAB_RING_KEPT:
        return end_move(tape, note, err);
    case PAB_RING_REFUSED:
        tape->counts.refused++;
        return PAB_OK;
    case PAB_RING_FORK:
        tape->on_fork(tape, (uint32_t)note->address, tape->arg);
        return PAB_OK;
    default:
        return pab_fail(err, PAB_BAD_DATA, "the ring of process %d was written over by the program",
                        (int)tape->ring->pid);
    }
}

/* False: it is not written yet. */
static bool read_slot(const struct pab_tape *tape, struct note *out)
{
    const struct pab_ring_slot *slots =
        (const struct pab_ring_slot *)((const char *)tape->ring + PAB_RING_OFFSET);
    const struct pab_ring_slot *slot = &slots[tape->tail % PAB_RING_SLOTS];
    uint64_t first = atomic_load_explicit(&slot->first, memory_order_acquire);
    if (first >> 56 != pab_ring_lap(tape->tail)) {
        return false;
    }
    uint64_t second = atomic_load_explicit(&slot->second, memory_order_relaxed);
    *out = (struct note){
        .event = (enum pab_ring_event)(first >> 48 & 15),
        .domain = (uint8_t)(first >> 52 & 3),
        .thread = (uint16_t)(second >> 48),
        .address = first & PAB_RING_ADDRESS,
        .size = second & PAB_RING_ADDRESS,
    };
    return true;
}

static void look_ahead(const struct pab_tape *tape)
{
    const struct pab_ring_slot *slots =
        (const struct pab_ring_slot *)((const char *)tape->ring + PAB_RING_OFFSET);
    const struct pab_ring_slot *slot = &slots[(tape->tail + AHEAD) % PAB_RING_SLOTS];
    uint64_t first = atomic_load_explicit(&slot->first, memory_order_relaxed);
    pab_addresses_expect(&tape->names, first & PAB_RING_ADDRESS);
    __builtin_prefetch(slot + (size_t)4 * AHEAD);
}

static bool was_taken(const struct pab_tape *tape)
{
    uint64_t head = atomic_load(&tape->ring->head);
    return tape->tail < head && head - tape->tail <= PAB_RING_SLOTS;
}

enum pab_status pab_tape_read(struct pab_tape *tape, bool is_over, size_t most, size_t *count,
                              struct pab_error *err)
{
    enum pab_status status = PAB_OK;
    size_t done = 0;
    while (status == PAB_OK && done < most) {
        struct note note;
        if (read_slot(tape, &note)) {
            look_ahead(tape);
            if (tape->writer == NULL) {
                status = begin(tape, err);
            }
            status = status == PAB_OK ? take_note(tape, &note, err) : status;
        } else if (is_over && was_taken(tape)) {
            tape->counts.torn++;
        } else {
            break;
        }
        tape->tail++;
        if (++done % TAIL_STEP == 0) {
            atomic_store_explicit(&tape->ring->tail, tape->tail, memory_order_release);
        }
    }
    atomic_store_explicit(&tape->ring->tail, tape->tail, memory_order_release);
    *count = done;
    return status;
}
