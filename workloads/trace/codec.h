/* workloads/trace/codec.h -- the coding of events and of frame heads, for both sides. Depends on
 * format.h.
 */
#ifndef PAB_WORKLOADS_TRACE_CODEC_H
#define PAB_WORKLOADS_TRACE_CODEC_H

#include "workloads/trace/format.h"

#include <stdbool.h>
#include <stddef.h>

#define PAB_TRACE_START_BYTES 12u /* magic, version */
#define PAB_TRACE_HEAD_BYTES  48u /* struct pab_trace_frame as it is stored */
#define PAB_EVENT_BYTES_MAX   64u /* more than an event and the THREAD before it can take */

/* What the coding of an event refers to. Both sides start with zeroes; frames do not reset it. */
struct pab_codec {
    uint32_t last; /* slot of the event before */
    uint32_t thread;
};

void pab_trace_start_put(unsigned char out[PAB_TRACE_START_BYTES]);
/* False: it is no trace. */
bool pab_trace_start_get(const unsigned char in[PAB_TRACE_START_BYTES], uint32_t *version);
/* `frame->check` is computed. */
void pab_trace_head_put(const struct pab_trace_frame *frame, const void *body,
                        unsigned char out[PAB_TRACE_HEAD_BYTES]);
void pab_trace_head_get(const unsigned char in[PAB_TRACE_HEAD_BYTES], struct pab_trace_frame *out);
bool pab_trace_check_holds(const unsigned char head[PAB_TRACE_HEAD_BYTES], const void *body,
                           size_t bytes);

static inline unsigned char *pab_varint_put(unsigned char *at, uint64_t value)
{
    while (value >= 0x80) {
        *at++ = (unsigned char)(value | 0x80);
        value >>= 7;
    }
    *at++ = (unsigned char)value;
    return at;
}

/* Reads at most 9 bytes; *at is NULL afterwards where they are no varint of at most 63 bits. */
static inline uint64_t pab_varint_get(const unsigned char **at)
{
    const unsigned char *from = *at;
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 63; shift += 7) {
        unsigned char byte = *from++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *at = from;
            return value;
        }
    }
    *at = NULL;
    return 0;
}

static inline uint32_t pab_zigzag(uint32_t delta)
{
    return (delta << 1) ^ (uint32_t)((int32_t)delta >> 31);
}

static inline uint32_t pab_unzigzag(uint32_t value)
{
    return (value >> 1) ^ (0u - (value & 1));
}

static inline bool pab_event_makes(unsigned kind)
{
    return kind != PAB_EVENT_REALLOC && kind != PAB_EVENT_FREE;
}

/* At most PAB_EVENT_BYTES_MAX bytes from `at`; the slot is known by now. */
static inline unsigned char *pab_event_put(struct pab_codec *codec, unsigned char *at,
                                           const struct pab_event *event)
{
    if (event->thread != codec->thread) {
        *at++ = PAB_EVENT_THREAD;
        at = pab_varint_put(at, event->thread);
        codec->thread = event->thread;
    }
    *at++ = (unsigned char)(event->kind | event->domain << 3);
    if (event->kind != PAB_EVENT_FREE) {
        at = pab_varint_put(at, event->size);
    }
    if (!pab_event_makes(event->kind)) {
        at = pab_varint_put(at, pab_zigzag(codec->last - event->slot));
    }
    if (event->kind == PAB_EVENT_ALIGNED) {
        at = pab_varint_put(at, event->align_log2);
    }
    codec->last = event->slot;
    return at;
}

#endif
