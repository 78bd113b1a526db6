#include "workloads/trace/codec.h"

#include <endian.h>
#include <string.h>

#define XXH_INLINE_ALL /* no other library for one function */
#include <xxhash.h>

static const char magic[8] = PAB_TRACE_MAGIC;

static unsigned char *put_32(unsigned char *at, uint32_t value)
{
    value = htole32(value);
    memcpy(at, &value, sizeof(value));
    return at + sizeof(value);
}

static unsigned char *put_64(unsigned char *at, uint64_t value)
{
    value = htole64(value);
    memcpy(at, &value, sizeof(value));
    return at + sizeof(value);
}

static uint32_t get_32(const unsigned char *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof(value));
    return le32toh(value);
}

static uint64_t get_64(const unsigned char *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof(value));
    return le64toh(value);
}

static uint64_t check_of(const unsigned char *head, const void *body, size_t bytes)
{
    return XXH3_64bits_withSeed(body, bytes, XXH3_64bits(head, PAB_TRACE_HEAD_BYTES - 8));
}

void pab_trace_start_put(unsigned char out[PAB_TRACE_START_BYTES])
{
    memcpy(out, magic, sizeof(magic));
    put_32(out + sizeof(magic), PAB_TRACE_VERSION);
}

bool pab_trace_start_get(const unsigned char in[PAB_TRACE_START_BYTES], uint32_t *version)
{
    *version = get_32(in + sizeof(magic));
    return memcmp(in, magic, sizeof(magic)) == 0;
}

void pab_trace_head_put(const struct pab_trace_frame *frame, const void *body,
                        unsigned char out[PAB_TRACE_HEAD_BYTES])
{
    unsigned char *at = put_32(out, frame->kind);
    at = put_32(at, frame->stored_bytes);
    at = put_32(at, frame->plain_bytes);
    at = put_32(at, frame->event_count);
    at = put_64(at, frame->first_event);
    at = put_64(at, frame->wall_ns);
    at = put_64(at, frame->cpu_ns);
    put_64(at, check_of(out, body, frame->stored_bytes));
}

void pab_trace_head_get(const unsigned char in[PAB_TRACE_HEAD_BYTES], struct pab_trace_frame *out)
{
    *out = (struct pab_trace_frame){
        .kind = get_32(in),
        .stored_bytes = get_32(in + 4),
        .plain_bytes = get_32(in + 8),
        .event_count = get_32(in + 12),
        .first_event = get_64(in + 16),
        .wall_ns = get_64(in + 24),
        .cpu_ns = get_64(in + 32),
        .check = get_64(in + 40),
    };
}

bool pab_trace_check_holds(const unsigned char head[PAB_TRACE_HEAD_BYTES], const void *body,
                           size_t bytes)
{
    return get_64(head + PAB_TRACE_HEAD_BYTES - 8) == check_of(head, body, bytes);
}
