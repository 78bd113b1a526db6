/* workloads/support/records.h -- what the threads of threads_gil and threads_interpreters make:
 * records of a request. Depends on rng.h, locals.h.
 *
 * A record is a list of three: an int beyond the small ones, a str of 8 to 39 characters, and a list
 * of 2 to 9 such ints. So it asks for the object domain alone and for two buffers of mem.
 */
#ifndef PAB_WORKLOADS_SUPPORT_RECORDS_H
#define PAB_WORKLOADS_SUPPORT_RECORDS_H

#include "workloads/support/locals.h"
#include "workloads/support/rng.h"

enum { PAB_RECORD_TEXT_LEAST = 8, PAB_RECORD_TEXT_SPAN = 32, PAB_RECORD_INTS_SPAN = 8 };

static inline struct pab_object *pab_record_text(struct pab_rng *rng)
{
    char text[PAB_RECORD_TEXT_LEAST + PAB_RECORD_TEXT_SPAN];
    uint32_t length = PAB_RECORD_TEXT_LEAST + pab_rng_below(rng, PAB_RECORD_TEXT_SPAN);
    uint64_t letters = pab_rng_next(rng);
    for (uint32_t i = 0; i < length; i++) {
        text[i] = (char)('a' + (letters >> (i % 16 * 4) & 15));
    }
    return pab_must(pab_unicode_from_ascii(text, length));
}

static inline struct pab_object *pab_record_int(struct pab_rng *rng)
{
    return pab_int(1000 + (int64_t)pab_rng_below(rng, 1u << 20));
}

/* [number, text, [number, ...]] */
static inline struct pab_object *pab_record_new(struct pab_rng *rng)
{
    struct pab_object *record = pab_must(pab_list_new(0));
    pab_list_push(record, pab_record_int(rng));
    pab_list_push(record, pab_record_text(rng));
    struct pab_object *numbers = pab_must(pab_list_new(0));
    for (uint32_t left = 2 + pab_rng_below(rng, PAB_RECORD_INTS_SPAN); left > 0; left--) {
        pab_list_push(numbers, pab_record_int(rng));
    }
    pab_list_push(record, numbers);
    return record;
}

/* One number of all that is in it. */
static inline uint64_t pab_record_read(struct pab_object *record)
{
    struct pab_object *numbers = pab_list_get_item(record, 2);
    uint64_t sum = (uint64_t)pab_long_as_int64(pab_list_get_item(record, 0));
    sum = pab_checksum_add(sum, (uint64_t)pab_unicode_length(pab_list_get_item(record, 1)));
    for (pab_ssize i = 0; i < pab_list_size(numbers); i++) {
        sum = pab_checksum_add(sum, (uint64_t)pab_long_as_int64(pab_list_get_item(numbers, i)));
    }
    return sum;
}

/* records[index] = record; takes the reference, and returns what the old one said. */
static inline uint64_t pab_record_replace(struct pab_object *records, uint32_t index,
                                          struct pab_object *record)
{
    uint64_t said = pab_record_read(pab_list_get_item(records, (pab_ssize)index));
    pab_list_set_item(records, (pab_ssize)index, record);
    return said;
}

/* records.pop(), read and dropped. */
static inline uint64_t pab_record_drop(struct pab_object *records)
{
    struct pab_object *record = pab_list_pop(records, -1);
    uint64_t said = pab_record_read(record);
    pab_decref(record);
    return said;
}

#endif
