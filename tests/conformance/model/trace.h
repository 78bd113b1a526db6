/* tests/conformance/model/trace.h -- calls on numbered slots, and their text. Depends on status.h.
 *
 * Any sequence of them makes sense, so any part of a trace is one, too. As text:
 *
 *     pyallocbench trace 1
 *     profile py
 *     seed 42
 *     threads 1
 *     malloc 0 48            slot, bytes
 *     calloc 1 3 16          slot, count, bytes of each
 *     aligned 2 64 100       slot, alignment, bytes
 *     burst 2000 48 fifo     so many blocks of so many bytes, then freed in that order
 *     thread 1               what follows is called by thread 1
 *     free 0
 *     end
 *
 * An empty line and what follows a '#' are passed over. A file without its end was cut off.
 */
#ifndef PAB_TESTS_CONFORMANCE_MODEL_TRACE_H
#define PAB_TESTS_CONFORMANCE_MODEL_TRACE_H

#include "allocators/status.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#define MODEL_SLOTS       (1u << 15)
#define MODEL_BURST_MOST  (1u << 18) /* blocks of one burst */
#define MODEL_THREADS     8u
#define MODEL_ALIGN_LOG2  25u        /* of the largest alignment */
#define MODEL_TRACE_MOST  (1u << 22) /* calls of a trace that is kept */
#define MODEL_TRACE_LINES (1u << 20) /* of a file that is read */

enum model_call {
    MODEL_MALLOC,       /* slot, size */
    MODEL_CALLOC,       /* slot, count, size */
    MODEL_REALLOC,      /* slot, size; of an empty slot: realloc(NULL, size) */
    MODEL_REALLOCARRAY, /* slot, count, size */
    MODEL_ALIGNED,      /* slot, alignment, size: aligned_alloc */
    MODEL_POSIX,        /* the same: posix_memalign */
    MODEL_FREE,         /* slot */
    MODEL_FREE_SIZED,   /* slot */
    MODEL_REWRITE,      /* slot: read whole, then written anew */
    MODEL_VERIFY,       /* slot: read whole */
    MODEL_BURST,        /* blocks, size, order */
    MODEL_SWEEP,        /* every block is read whole */
    MODEL_DRAIN,        /* every block is freed */
    MODEL_FAIL,         /* so many calls to the kernel fail, within so many lines */
    MODEL_PURGE,        /* memory that is not needed goes back to the system */
    MODEL_FORK,         /* a child reads all that it inherits and frees some */
    MODEL_RESPAWN,      /* thread: ends, and a new one takes its place */
    MODEL_GIVE,         /* slot, thread: free-running threads only */
    MODEL_TAKE,         /* slot: free-running threads only */
    MODEL_CALLS,
};

enum model_order {
    MODEL_LIFO,
    MODEL_FIFO,
    MODEL_SHUFFLED,
    MODEL_ALTERNATE, /* every other one; these are taken again; then all */
    MODEL_ORDERS,
};

struct model_op {
    uint64_t size;
    uint32_t slot;  /* or blocks (burst), lines (fail), thread (respawn) */
    uint16_t count; /* or log2 of the alignment, order, calls to the kernel, thread (give) */
    uint8_t call;
    uint8_t thread; /* that makes the call, where there are several */
};
static_assert(sizeof(struct model_op) == 16, "a batch of them stays in the first-level cache");

struct model_list {
    struct model_op *ops;
    size_t count;
};

struct model_head {
    char profile[16];
    uint64_t seed;
    unsigned threads;
};

/* Whether the values of `op` are within their limits, as those of any file that is read are. */
bool pab_model_op_is_valid(const struct model_op *op);

/* The text of a trace; malloc'ed, NULL without memory. */
char *pab_model_trace_write(const struct model_head *head, const struct model_list *list);

/* Reads one: list->ops is malloc'ed. PAB_USAGE names the first line that is none. */
enum pab_status pab_model_trace_read(const char *text, struct model_head *head,
                                     struct model_list *list, struct pab_error *err);

/* Any bytes as a trace: what the fuzzer feeds. Fills at most `most` ops, returns how many. Kernel
 * failures, processes and threads are left out. */
size_t pab_model_trace_of_bytes(const unsigned char *bytes, size_t size, struct model_op *ops,
                                size_t most);

/* Gives slots new numbers in the order in which they are first used. */
void pab_model_list_renumber(struct model_list *list);

/* "malloc 0 48", without a newline. */
void pab_model_op_write(const struct model_op *op, char *out, size_t size);

#endif
