#include "harness/waterfall.h"

static uint64_t above(uint64_t bytes, uint64_t base)
{
    return bytes > base ? bytes - base : 0;
}

static uint64_t held_bytes(const struct pab_inventory *inventory)
{
    return inventory->blocks_bytes + inventory->free_blocks_bytes + inventory->free_pools_bytes +
           inventory->slack_bytes + inventory->tables_bytes;
}

/* Where a heap lies below, the blocks are on both: `usable` of all, the own ones without headers. */
static void add_inventories(const struct pab_waterfall_input *input, uint64_t usable,
                            struct pab_waterfall *out)
{
    if (!input->has_own) {
        return;
    }
    const struct pab_inventory *own = &input->own;
    out->free_blocks_bytes = own->free_blocks_bytes;
    out->free_pools_bytes = own->free_pools_bytes;
    out->slack_bytes = own->slack_bytes;
    out->tables_bytes = own->tables_bytes;
    out->headers_bytes = above(own->blocks_bytes, usable);
    if (input->has_raw) {
        uint64_t usable_below = above(usable, own->blocks_bytes);
        out->raw_heap_bytes = above(held_bytes(&input->raw), usable_below);
    }
}

struct pab_waterfall pab_waterfall_make(const struct pab_waterfall_input *input)
{
    uint64_t usable =
        input->usable_bytes > input->live_bytes ? input->usable_bytes : input->live_bytes;
    struct pab_waterfall out = {
        .payload_bytes = input->live_bytes,
        .rounding_bytes = usable - input->live_bytes,
    };
    add_inventories(input, usable, &out);
    uint64_t absent = (input->has_own ? input->own.absent_bytes : 0) +
                      (input->has_own && input->has_raw ? input->raw.absent_bytes : 0);
    uint64_t held = usable + out.headers_bytes + out.free_blocks_bytes + out.free_pools_bytes +
                    out.slack_bytes + out.tables_bytes + out.raw_heap_bytes;
    out.other_bytes = above(input->growth_bytes + absent, held);
    uint64_t missing = above(held, input->growth_bytes + absent);
    out.not_resident_bytes = absent + missing;
    out.unexplained_bytes = out.other_bytes + missing;
    return out;
}
